/** The contractions of tensor trains and Tucker models: kernels against their twins, operations and their VJPs. */

import { stackOf } from '../../src/buffer/layout.js';
import type { Graph, Value } from '../../src/graph/operation.js';
import {
  contractTt,
  coreCotangentProblem,
  prefixCotangentProblem,
  stepProblem,
} from '../../src/ops/contraction/contractTt.js';
import { contractTucker } from '../../src/ops/contraction/contractTucker.js';
import { unfoldedProblem } from '../../src/ops/linear/modeProduct.js';
import { vjp } from '../../src/ops/vjp.js';
import { productDispatch } from '../../src/schedule/product.js';
import type { Schedule } from '../../src/schedule/schedule.js';
import * as kernels from '../../src/wgsl/contraction.js';
import * as linear from '../../src/wgsl/linear.js';
import { requireClose, requireNear, requireNorm, requireThrows } from '../helpers/compare.js';
import { type Arrays, differenceVjp } from '../helpers/difference.js';
import { contentOf, device, engine, filled, poisoned } from '../helpers/gpu.js';
import { type Case, productTolerance, schedules, testOnSchedules } from '../helpers/products.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { tt } from '../reference/contraction/tt.js';
import { ttCoreCotangent } from '../reference/contraction/ttCoreCotangent.js';
import { ttPrefixCotangent } from '../reference/contraction/ttPrefixCotangent.js';
import { ttStep } from '../reference/contraction/ttStep.js';
import { tucker } from '../reference/contraction/tucker.js';
import { unfoldedProduct } from '../reference/linear/unfoldedProduct.js';

const test = suite('contractions');

const sizeOf = (shape: readonly number[]) => shape.reduce((n, m) => n * m, 1);
const join = (arrays: Arrays) => Float64Array.from(arrays.flatMap(values => [...values]));

function trainKernels(schedule: Schedule): Case[] {
  const few = [
    { rows: 5, points: 7, before: 3, rank: 5 },
    { rows: 37, points: 9, before: 17, rank: 6 },
  ];
  const more = [
    { rows: 1, points: 1, before: 1, rank: 1 },
    { rows: 6, points: 4, before: 1, rank: 3 },
    { rows: 3, points: 5, before: 4, rank: 1 },
    { rows: 130, points: 33, before: 5, rank: 8 },
  ];
  return [few, ...(schedule === schedules[0] ? more.map(one => [one, few[0]]) : [])].flatMap(both => {
    const prefixes = both.map(({ rows, before }) => randoms(rows * before));
    const cores = both.map(({ points, before, rank }) => randoms(points * before * rank));
    const cotangents = both.map(({ rows, points, rank }) => randoms(rows * points * rank));
    const prefixLayout = stackOf(both.map(({ rows, before }) => [rows, before]));
    const coreLayout = stackOf(both.map(({ points, before, rank }) => [points, before * rank]));
    const tensorLayout = stackOf(both.map(({ rows, points, rank }) => [rows, points, rank]));
    const prefix = filled(prefixLayout, join(prefixes));
    const core = filled(coreLayout, join(cores));
    const cotangent = filled(tensorLayout, join(cotangents));
    const [step, below, gradient] = [tensorLayout, prefixLayout, coreLayout].map(poisoned);
    const what = JSON.stringify(both);
    const expected = (one: (i: number) => Float64Array) => join(both.map((_, i) => one(i)));
    const stepDescription = {
      problems: both.map(({ before, rank }, i) =>
        stepProblem(prefixLayout.parts[i], coreLayout.parts[i], tensorLayout.parts[i], before, rank),
      ),
      buffers: { prefix: prefix.storage, core: core.storage, result: step.storage },
    };
    const belowDescription = {
      problems: both.map(({ rank }, i) =>
        prefixCotangentProblem(tensorLayout.parts[i], coreLayout.parts[i], prefixLayout.parts[i], rank),
      ),
      buffers: { cotangent: cotangent.storage, core: core.storage, result: below.storage },
    };
    const gradientDescription = {
      problems: both.map(({ rank }, i) =>
        coreCotangentProblem(prefixLayout.parts[i], tensorLayout.parts[i], coreLayout.parts[i], rank),
      ),
      buffers: { left: prefix.storage, right: cotangent.storage, result: gradient.storage },
    };
    return [
      {
        dispatch: productDispatch(device, kernels.ttStep, stepDescription, schedule),
        check: async () => {
          const twin = expected(i => ttStep(prefixes[i], cores[i], both[i]));
          requireClose(`ttStep ${what}`, await contentOf(step), twin, productTolerance(17));
        },
      },
      {
        dispatch: productDispatch(device, kernels.ttPrefixCotangent, belowDescription, schedule),
        check: async () => {
          const twin = expected(i => ttPrefixCotangent(cotangents[i], cores[i], both[i]));
          requireClose(`ttPrefixCotangent ${what}`, await contentOf(below), twin, productTolerance(264));
        },
      },
      {
        dispatch: productDispatch(device, kernels.ttCoreCotangent, gradientDescription, schedule),
        check: async () => {
          const twin = expected(i => ttCoreCotangent(prefixes[i], cotangents[i], both[i]));
          requireClose(`ttCoreCotangent ${what}`, await contentOf(gradient), twin, productTolerance(130));
        },
      },
    ];
  });
}

function unfoldedProducts(schedule: Schedule): Case[] {
  const shapes = [
    [37, 66],
    [5, 6, 7],
    [2, 3, 4, 5],
    [1, 1],
  ];
  return shapes.flatMap(shape =>
    shape.slice(0, -1).map((points, axis) => {
      const columns = [randomInteger(1, 9), 21];
      const others = columns.map(count => shape.map((n, d) => (d === axis ? count : n)));
      const a = columns.map(() => randoms(sizeOf(shape)));
      const b = others.map(other => randoms(sizeOf(other)));
      const [left, right] = [filled(stackOf([shape, shape]), join(a)), filled(stackOf(others), join(b))];
      const result = poisoned(stackOf(columns.map(count => [points, count])));
      const problems = columns.map((_, i) =>
        unfoldedProblem(
          { left: left.layout.parts[i], right: right.layout.parts[i], result: result.layout.parts[i] },
          axis,
          0.7,
        ),
      );
      const buffers = { left: left.storage, right: right.storage, result: result.storage };
      return {
        dispatch: productDispatch(device, linear.unfoldedProduct, { problems, buffers }, schedule),
        check: async () => {
          const expected = join(columns.map((count, i) => unfoldedProduct(a[i], b[i], shape, count, axis, 0.7)));
          requireClose(`${shape} axis ${axis}`, await contentOf(result), expected, productTolerance(sizeOf(shape)));
        },
      };
    }),
  );
}

testOnSchedules(test, [
  {
    title: on =>
      `ttStep, ttPrefixCotangent and ttCoreCotangent on ${on}: match at odd ranks, at 1 and past a workgroup, two models at once`,
    cases: trainKernels,
  },
  {
    title: on =>
      `unfoldedProduct on ${on}: matches along every axis but the last of tensors of 2 to 4 axes, two pairs at once`,
    cases: unfoldedProducts,
  },
]);

interface Contraction {
  readonly grids: readonly (readonly number[])[];
  /** Shapes of each input, a stack. */
  readonly inputs: readonly (readonly (readonly number[])[])[];
  readonly build: (inputs: readonly Value[]) => Value;
  readonly twin: (inputs: Arrays) => Float64Array;
}

/**
 * Value and VJP of a contraction of a stack of models, on random inputs and a random cotangent. A contraction sums
 * products, so that its twin on numbers without signs is the magnitude of every result.
 */
async function check(what: string, { grids, inputs, build, twin }: Contraction): Promise<void> {
  const values = inputs.map(shapes => randoms(shapes.reduce((sum, shape) => sum + sizeOf(shape), 0)));
  const cotangent = randoms(grids.reduce((sum, grid) => sum + sizeOf(grid), 0));
  const tensors = inputs.map((shapes, i) => engine.stack(shapes, values[i]));
  const seed = engine.stack(grids, cotangent);
  const plan = await engine.compile((graph: Graph): Record<string, Value> => {
    const at = tensors.map(tensor => graph.read(tensor));
    const output = build(at);
    const gradients = vjp(output, graph.read(seed), at);
    return { output, ...Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient])) };
  });
  await plan.run();
  const unsigned = values.map(input => input.map(Math.abs));
  const [output, expected] = [await plan.outputs.output.read(), twin(values)];
  requireNorm(`${what}: value`, output, expected, 2e-6);
  requireNear(`${what}: each value`, output, expected, twin(unsigned), 1e-6);
  const magnitudes = differenceVjp(twin, unsigned, cotangent.map(Math.abs), 1);
  for (const [i, difference] of differenceVjp(twin, values, cotangent, 1).entries()) {
    const gradient = await plan.outputs[`gradient${i}`].read();
    requireNear(`${what}: VJP of input ${i}`, gradient, difference, magnitudes[i], 1e-6);
  }
  plan.dispose();
  for (const tensor of [...tensors, seed]) tensor.dispose();
}

/** The pieces of an array that shapes cut it into. */
function cut(all: Float64Array, shapes: readonly (readonly number[])[]): Float64Array[] {
  let at = 0;
  return shapes.map(shape => {
    at += sizeOf(shape);
    return all.slice(at - sizeOf(shape), at);
  });
}

const grids: readonly (readonly number[])[] = [
  [5, 7],
  [1, 3],
  [3, 4, 5],
  [3, 1, 2, 5],
  [2, 3, 1, 2, 3],
  [2, 2, 1, 2, 1, 3],
];

test('contractTt: value and VJP for 2 to 6 axes, odd ranks and ranks of 1, one model and two at once', async () => {
  for (const grid of grids) {
    for (const ranks of [grid.slice(1).map((_, i) => [3, 2, 5, 1, 2][i]), grid.slice(1).map(() => 1)]) {
      for (const count of grid.length < 4 ? [1, 2] : [1]) {
        const all = [1, ...ranks, 1];
        const models = [grid, [...grid].reverse()].slice(0, count);
        const shapes = models.map(model => model.map((n, d) => [n, all[d] * all[d + 1]]));
        await check(`${grid} at ranks ${ranks}, ${count}`, {
          grids: models,
          inputs: [shapes.flat()],
          build: ([factors]) => contractTt(factors, { ranks, scale: 0.7 }),
          twin: ([factors]) => {
            const pieces = cut(factors, shapes.flat());
            const of = (m: number) => pieces.slice(m * grid.length, (m + 1) * grid.length);
            return join(models.map((model, m) => tt(of(m), model, ranks, 0.7)));
          },
        });
      }
    }
  }
}, 240);

test('contractTucker: value and VJP of factors and core for 2 to 6 axes, odd ranks and ranks of 1, one model and two at once', async () => {
  for (const grid of grids) {
    for (const ranks of [grid.map((_, i) => [3, 2, 5, 1, 2, 2][i]), grid.map(() => 1)]) {
      for (const count of grid.length < 4 ? [1, 2] : [1]) {
        const models = [grid, [...grid].reverse()].slice(0, count);
        const shapes = models.map(model => model.map((n, d) => [n, ranks[d]]));
        const cores = models.map(() => ranks);
        await check(`${grid} at ranks ${ranks}, ${count}`, {
          grids: models,
          inputs: [shapes.flat(), cores],
          build: ([factors, core]) => contractTucker(factors, core, { scale: 0.7 }),
          twin: ([factors, core]) => {
            const pieces = cut(factors, shapes.flat());
            const of = (m: number) => pieces.slice(m * grid.length, (m + 1) * grid.length);
            return join(models.map((model, m) => tucker(of(m), cut(core, cores)[m], model, ranks, 0.7)));
          },
        });
      }
    }
  }
}, 240);

test('contractTt and contractTucker agree with their twins at sizes past a tile', async () => {
  const grid = [33, 18, 35];
  const ranks = [13, 9, 11];
  const inner = [13, 9];
  const widths = [13, 13 * 9, 9];
  const values = widths.map((width, d) => randoms(grid[d] * width));
  const train = engine.stack(
    grid.map((n, d) => [n, widths[d]]),
    join(values),
  );
  const factors = grid.map((n, d) => randoms(n * ranks[d]));
  const core = randoms(sizeOf(ranks));
  const factorStack = engine.stack(
    grid.map((n, d) => [n, ranks[d]]),
    join(factors),
  );
  const coreTensor = engine.tensor(ranks, core);
  const plan = await engine.compile(graph => ({
    tt: contractTt(graph.read(train), { ranks: inner, scale: 1 }),
    tucker: contractTucker(graph.read(factorStack), graph.read(coreTensor), { scale: 1 }),
  }));
  await plan.run();
  requireNorm('tt', await plan.outputs.tt.read(), tt(values, grid, inner, 1), 2e-6);
  requireNorm('tucker', await plan.outputs.tucker.read(), tucker(factors, core, grid, ranks, 1), 2e-6);
  plan.dispose();
}, 120);

test('factor matrices that do not fit ranks or core are refused with what would', async () => {
  const factors = engine.stack([
    [4, 3],
    [5, 3],
  ]);
  const [core, flat] = [engine.tensor([3, 2]), engine.tensor([3])];
  const refused = (what: string, build: (graph: Graph) => Value, message: RegExp) =>
    requireThrows(what, () => engine.compile(graph => ({ output: build(graph) })), 'InputError', message);
  await refused(
    'ranks',
    graph => contractTt(graph.read(factors), { ranks: [2], scale: 1 }),
    /contractTt: the factor matrix of axis 0 at ranks 2 is \(points, 2\), got \(4, 3\)/,
  );
  await refused(
    'axes',
    graph => contractTt(graph.read(factors), { ranks: [], scale: 1 }),
    /axes: 1: use a whole number from 2 to 7/,
  );
  await refused(
    'count',
    graph => contractTt(graph.read(factors), { ranks: [3, 3], scale: 1 }),
    /2 factor matrices are no whole number of models of 3 axes/,
  );
  await refused(
    'core',
    graph => contractTucker(graph.read(factors), graph.read(core), { scale: 1 }),
    /contractTucker: a core of shape \(3, 2\) takes 2 factor matrices \(points, R_d\), got \(4, 3\), \(5, 3\)/,
  );
  await refused(
    'core of one axis',
    graph => contractTucker(graph.read(factors), graph.read(flat), { scale: 1 }),
    /contractTucker: axes: 1/,
  );
});
