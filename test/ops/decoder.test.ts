/** The decoder's kernels against their float64 twins on every schedule, and its VJP with that of the contraction. */

import { layoutOf, stackOf } from '../../src/buffer/layout.js';
import type { Operand } from '../../src/graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../src/kernel/dispatch.js';
import { sumsProblem as sumsOfTable } from '../../src/ops/contraction/dimensionTree.js';
import {
  cotangentProblem,
  type Decoded,
  decode,
  decodeProblem,
  gradientProblem,
  sumsProblem,
  sumsShape,
} from '../../src/ops/readout/decode.js';
import { productDispatch } from '../../src/schedule/product.js';
import type { Schedule } from '../../src/schedule/schedule.js';
import * as contraction from '../../src/wgsl/contraction.js';
import * as kernels from '../../src/wgsl/readout.js';
import { activationOf } from '../helpers/activations.js';
import { requireClose, requireThrows } from '../helpers/compare.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { type Case, firstSchedules, productTolerance, testOnSchedules } from '../helpers/products.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { weightedSums } from '../reference/contraction/weightedSums.js';
import type { ActivationName } from '../reference/network/activation.js';
import { decode as decodeTwin } from '../reference/readout/decode.js';
import { decodeCotangent } from '../reference/readout/decodeCotangent.js';
import { decodeGradient } from '../reference/readout/decodeGradient.js';
import { decodeSums } from '../reference/readout/decodeSums.js';

const test = suite('decoder kernels');

const sizeOf = (shape: readonly number[]) => shape.reduce((n, m) => n * m, 1);
const join = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap(values => [...values]));

interface Sizes {
  readonly grid: readonly number[];
  readonly hidden: number;
  readonly outputs: number;
  readonly products: number;
}

/** One point and one of each; tails of every kind; past a tile, past a workgroup. */
const few: readonly Sizes[] = [
  { grid: [5, 7], hidden: 6, outputs: 3, products: 4 },
  { grid: [3, 4, 5], hidden: 9, outputs: 1, products: 7 },
];
const more: readonly Sizes[] = [
  { grid: [1, 1], hidden: 1, outputs: 1, products: 1 },
  { grid: [17, 34], hidden: 17, outputs: 2, products: 3 },
  { grid: [2, 1, 3, 2], hidden: 38, outputs: 35, products: 5 },
];

/** Two models of different numbers of points, all else alike, with the numbers that their kernels take. */
function problemOf({ grid, hidden, outputs, products }: Sizes, name: ActivationName) {
  const grids = [grid, [grid[0] + 2, ...grid.slice(1)]];
  const shapes = grids.map(([first, ...others]) => ({
    first,
    others: sizeOf(others),
    hidden,
    outputs,
    products,
    name,
  }));
  const z = shapes.map(({ first, others }) => randoms(first * hidden * others));
  const layers = grids.map(() => ({
    first: randoms(hidden * (products + 1), 0.5),
    second: randoms(outputs * (hidden + 1)),
  }));
  const cotangents = shapes.map(({ first, others }) => randoms(first * outputs * others));
  const unitShapes = grids.map(([first, ...others]) => [first, hidden, ...others]);
  const outputLayout = stackOf(grids.map(([first, ...others]) => [first, outputs, ...others]));
  const layerLayout = stackOf(
    grids.flatMap(() => [
      [hidden, products + 1],
      [outputs, hidden + 1],
    ]),
  );
  const operands = {
    hidden: filled(stackOf(unitShapes), join(z)),
    layers: filled(layerLayout, join(layers.flatMap(({ first, second }) => [first, second]))),
    cotangent: filled(outputLayout, join(cotangents)),
  };
  const models = operands.hidden.layout.parts.map(
    (part, i): Decoded => ({
      hidden: part,
      first: layerLayout.parts[2 * i],
      second: layerLayout.parts[2 * i + 1],
    }),
  );
  const expected = <T>(one: (i: number) => T) => grids.map((_, i) => one(i));
  return { shapes, z, layers, cotangents, operands, models, outputLayout, expected, slots: slotsOf(name) };
}

/** Of a sum over points: activations are right to 1e-6. */
const sumTolerance = (points: number) => ({ absolute: 1e-6 * Math.sqrt(points) + 2e-7, relative: 1e-6 });

const names: readonly ActivationName[] = ['relu', 'sine'];
const slotsOf = (name: ActivationName) => ({ activation: activationOf[name].text });

/** Both activations and all sizes on the first schedule, one activation on the first of each other text. */
function kernelCases(schedule: Schedule): Case[] {
  const at = firstSchedules.indexOf(schedule);
  if (at === 0) return names.flatMap(name => [...few, ...more].flatMap(one => casesOf(one, name, schedule)));
  return few.flatMap(one => casesOf(one, names[at % names.length], schedule));
}

function casesOf(sizes: Sizes, name: ActivationName, schedule: Schedule): Case[] {
  const { shapes, z, layers, cotangents, operands, models, outputLayout, expected, slots } = problemOf(sizes, name);
  const what = `${JSON.stringify(sizes)} ${name}`;
  const parameter = operands.layers.storage;
  const output = poisoned(outputLayout);
  const forward: Case = {
    dispatch: productDispatch(
      device,
      kernels.decode,
      {
        slots,
        problems: models.map((model, i) => decodeProblem(model, outputLayout.parts[i])),
        buffers: { parameter, number: parameter, hidden: operands.hidden.storage, result: output.storage },
      },
      schedule,
    ),
    check: async () => {
      const twin = join(expected(i => decodeTwin(z[i], layers[i], shapes[i])));
      requireClose(`decode ${what}`, await contentOf(output), twin, productTolerance(sizes.hidden));
    },
  };

  // Of its own, since the cotangent is written over it.
  const overwritten = filled(operands.hidden.layout, join(z));
  const backward: Case = {
    dispatch: productDispatch(
      device,
      kernels.decodeCotangent,
      {
        slots,
        problems: models.map((model, i) => cotangentProblem(model, outputLayout.parts[i])),
        buffers: { parameter, number: parameter, cotangent: operands.cotangent.storage, hidden: overwritten.storage },
      },
      schedule,
    ),
    check: async () => {
      const twin = join(expected(i => decodeCotangent(z[i], cotangents[i], layers[i], shapes[i])));
      requireClose(`decodeCotangent ${what}`, await contentOf(overwritten), twin, productTolerance(sizes.outputs));
    },
  };

  // The stored numbers of each model's points in two pieces, the first of them a quad where there are more.
  const pieces = models.map(({ hidden: { shape, stride } }) => {
    const all = shape[0] * sizeOf(shape.slice(2, -1)) * stride;
    return all > 4 ? [[0, 4] as const, [4, all - 4] as const] : [[0, all] as const];
  });
  const sums = poisoned(stackOf(models.flatMap(({ second }, i) => pieces[i].map(() => sumsShape(second)))));
  let at = 0;
  const problems = models.flatMap((model, i) =>
    pieces[i].map(piece => sumsProblem(model, outputLayout.parts[i], sums.layout.parts[at++], piece)),
  );
  const summed: Case = {
    dispatch: productDispatch(
      device,
      kernels.decodeSums,
      {
        slots,
        problems,
        buffers: {
          number: parameter,
          hidden: operands.hidden.storage,
          cotangent: operands.cotangent.storage,
          result: sums.storage,
        },
      },
      schedule,
    ),
    check: async () => {
      const twin = expected(i => {
        const { shape, stride } = models[i].hidden;
        const last = shape.at(-1) as number;
        const stored = (first: number, s: number) =>
          (first * (shapes[i].others / last) + Math.floor(s / last)) * stride + (s % last);
        return pieces[i].map(([start, length]) =>
          decodeSums(z[i], cotangents[i], layers[i], shapes[i], (first, s) => {
            const place = stored(first, s);
            return place >= start && place < start + length;
          }),
        );
      }).flat();
      requireClose(`decodeSums ${what}`, await contentOf(sums), join(twin), sumTolerance(z[1].length / sizes.hidden));
    },
  };
  return [forward, backward, summed];
}

testOnSchedules(
  test,
  [
    {
      title: on =>
        `decode, decodeCotangent and decodeSums on ${on}: match for grids of two to four axes, one output and several, two models at once`,
      cases: kernelCases,
    },
  ],
  firstSchedules,
);

test('decodeGradient: sums of one piece and of several are put where they belong, and W_0 has zeros', async () => {
  for (const { hidden, outputs, products, count } of [
    { hidden: 1, outputs: 1, products: 1, count: 1 },
    { hidden: 6, outputs: 3, products: 4, count: 7 },
    { hidden: 67, outputs: 2, products: 9, count: 2 },
  ]) {
    const layerLayout = stackOf([
      [hidden, products + 1],
      [outputs, hidden + 1],
    ]);
    const [first, second] = layerLayout.parts.map(({ shape }) => randoms(sizeOf(shape)));
    const pieces = Array.from({ length: count }, () => randoms(outputs * (2 * hidden + 1)));
    const sums = filled(stackOf(pieces.map(() => sumsShape(layerLayout.parts[1]))), join(pieces));
    const layers = filled(layerLayout, join([first, second]));
    const gradient = poisoned(layerLayout);
    const model: Decoded = {
      hidden: layoutOf([2, hidden, 3]).parts[0],
      first: layerLayout.parts[0],
      second: layerLayout.parts[1],
    };
    await run([
      dispatch(kernels.decodeGradient, {
        ...oneThreadEachOf(device, [first.length + second.length]),
        problems: [gradientProblem(model, sums.layout.parts[0], count)],
        buffers: { parameter: layers.storage, sums: sums.storage, gradient: gradient.storage },
      }),
    ]);
    const shape = { first: 2, others: 3, hidden, outputs, products, name: 'relu' } as const;
    const twin = decodeGradient(pieces, { first, second }, shape);
    const what = `${hidden} units, ${outputs} outputs, ${count} pieces`;
    requireClose(what, await contentOf(gradient), join([twin.first, twin.second]), productTolerance(count * outputs));
  }
});

test('weightedSums: over the second index of the rows of a table and over the first, two problems at once', async () => {
  for (const { rows, inner, columns } of [
    { rows: 1, inner: 1, columns: 1 },
    { rows: 5, inner: 7, columns: 6 },
    { rows: 33, inner: 4, columns: 66 },
  ]) {
    const [table, ofInner, ofRows] = [
      randoms(rows * inner * columns),
      randoms(inner * columns),
      randoms(rows * columns),
    ];
    const stored = filled(layoutOf([rows * inner, columns]), table);
    const layout = stackOf([
      [inner, columns],
      [rows, columns],
    ]);
    const weights = filled(layout, join([ofInner, ofRows]));
    const result = poisoned(
      stackOf([
        [rows, columns],
        [inner, columns],
      ]),
    );
    const steps: [number, number][] = [
      [inner, 1],
      [1, inner],
    ];
    const problems = steps.map((of, i) =>
      sumsOfTable(stored.layout.parts[0], layout.parts[i], result.layout.parts[i], of),
    );
    await run([
      dispatch(contraction.weightedSums, {
        ...oneThreadEachOf(
          device,
          problems.map(one => one.rows * Math.ceil(columns / 4)),
        ),
        problems,
        buffers: { table: stored.storage, weight: weights.storage, result: result.storage },
      }),
    ]);
    const twins = [
      weightedSums(table, ofInner, { rows, inner, columns, turned: false }),
      weightedSums(table, ofRows, { rows: inner, inner: rows, columns, turned: true }),
    ];
    requireClose(`${rows} x ${inner} x ${columns}`, await contentOf(result), join(twins), productTolerance(rows));
  }
});

test('decode: layers that do not fit their hidden units are refused by their shapes', async () => {
  const shapesOf = (...layers: number[][]): [Operand['layout'], Operand['layout']] => [
    layoutOf([2, 5, 3]),
    stackOf(layers),
  ];
  const activation = activationOf.relu;
  const refused = async ([hidden, layers]: [Operand['layout'], Operand['layout']], message: RegExp) => {
    const graph = engine.trialGraph();
    const [a, b] = [hidden, layers].map(({ parts }) => graph.read(engine.stack(parts.map(({ shape }) => shape))));
    await requireThrows(`${message}`, () => decode(a, b, { activation }), 'InputError', message);
  };
  await refused(shapesOf([5, 4]), /^decode: takes two layers \[W \| b\] per model, 2, got \(5, 4\)$/);
  await refused(
    shapesOf([4, 4], [1, 6]),
    /^decode: hidden units of shape \(2, 5, 3\) take layers \(5, products \+ 1\) and \(outputs, 6\), got \(4, 4\) and \(1, 6\)$/,
  );
  await refused(shapesOf([5, 4], [1, 5]), /got \(5, 4\) and \(1, 5\)$/);
});
