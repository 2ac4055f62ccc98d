/** CP, tensor-train and Tucker models: what they are made of, SepPGD on each, training. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sizeOf } from '../../src/buffer/layout.js';
import { architecture } from '../../src/model/architecture.js';
import type { Contraction } from '../../src/model/contraction/contraction.js';
import { cp } from '../../src/model/contraction/cp.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { descriptionOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import {
  defineModel,
  initialParameters,
  type Model,
  modelParameterShapes,
  networksOf,
  planeCount,
} from '../../src/model/model.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import type { Arrays } from '../helpers/difference.js';
import { device, engine } from '../helpers/gpu.js';
import { atEnd, suite } from '../helpers/suite.js';
import { requireGoesOn, requireMembersApart, smooth } from '../helpers/training.js';
import { cp as cpTwin } from '../reference/contraction/cp.js';
import { tt as ttTwin } from '../reference/contraction/tt.js';
import { tucker as tuckerTwin } from '../reference/contraction/tucker.js';
import { indices } from '../reference/host/grid.js';
import { layerShapes, networkGradient, network as networkTwin, tangentKernel } from '../reference/network/network.js';
import { preconditionerOf } from '../reference/precondition/precondition.js';

const test = suite('separable models');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-separable-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));
const network = architecture({ width: 9, omega: 3 });

/** Numbers that the network of each axis gives for a point. */
const widthsOf = (model: Model) =>
  networksOf(model)
    .slice(0, model.domain.axes)
    .map(({ outputs }) => outputs);

test('parameters: a train has R_{d-1} R_d outputs an axis, a Tucker model R_d and a core a member behind the networks', () => {
  const common = { domain: grid([4, 5, 6]), members: 2, network };
  requireEqual('cp', widthsOf(defineModel({ ...common, contraction: cp({ rank: 7 }) })), [7, 7, 7]);
  requireEqual('tt', widthsOf(defineModel({ ...common, contraction: tensorTrain({ ranks: [2, 3] }) })), [2, 6, 3]);
  const oneRank = defineModel({ ...common, contraction: tensorTrain({ ranks: 4 }) });
  requireEqual('tt, one rank', widthsOf(oneRank), [4, 16, 4]);
  const model = defineModel({ ...common, contraction: tucker({ ranks: [2, 3, 5] }) });
  requireEqual('tucker', widthsOf(model), [2, 3, 5]);
  const shapes = modelParameterShapes(model);
  requireEqual('shapes', shapes.length, 2 * 3 * 3 + 2);
  requireEqual('cores', shapes.slice(-2), [
    [2, 3, 5],
    [2, 3, 5],
  ]);
  requireEqual(
    'numbers',
    initialParameters(model, 1).length,
    shapes.reduce((sum, shape) => sum + sizeOf(shape), 0),
  );
});

test('the core starts the same for a seed, with the variance that gives the output that of a CP model', () => {
  const ranks = [14, 20, 17];
  const [few, many] = [14, sizeOf(ranks)];
  const model = defineModel({ domain: grid([8, 8, 8]), contraction: tucker({ ranks }), network });
  const core = initialParameters(model, 3).slice(-many);
  requireClose('again', initialParameters(model, 3).slice(-many), core, {});
  require('another seed', initialParameters(model, 4).at(-1) !== core.at(-1));
  // The square of U(-b, b) has mean b^2 / 3 and deviation b^2 sqrt(4 / 45): five deviations of the mean are allowed.
  const variance = core.reduce((sum, x) => sum + x * x, 0) / many;
  requireClose('variance', [variance * (many / few)], [1], { absolute: (5 * 3 * Math.sqrt(4 / 45)) / Math.sqrt(many) });
  const bound = Math.sqrt((3 * few) / many);
  require('within its bound', core.every(x => Math.abs(x) <= bound));
});

test('ranks that do not fit the axes are refused, with how many would', async () => {
  const refused = (contraction: () => Contraction, message: RegExp, points = [4, 5, 6]) =>
    requireThrows(
      String(message),
      () => defineModel({ domain: grid(points), contraction: contraction(), network }),
      'InputError',
      message,
    );
  await refused(() => tensorTrain({ ranks: [2, 3, 4] }), /ranks: 3 for a tensor train of 3 axes: give 2/);
  await refused(() => tucker({ ranks: [2, 3] }), /ranks: 2 for a Tucker model of 3 axes: give 3/);
  await refused(() => tensorTrain({ ranks: [2, 0] }), /ranks: 0: use a whole number from 1/);
  await refused(() => tucker({ ranks: 2.5 }), /ranks: 2\.5/);
  await refused(() => tensorTrain({ ranks: 300 }), /ranks: 300, 300 give axis 1 a factor of 90000 columns/);
  await refused(() => tucker({ ranks: 2000 }), /make a core of 8000000000 numbers/);
  await refused(() => tucker({ ranks: 2 }), /grid: axes: 1/, [4]);
});

/** A model's output by its twin, from factor matrices and what the contraction has of its own: a core, a mixing matrix. */
type Output = (factors: readonly Float64Array[], own: Float64Array) => Float64Array;

/** The gradient of <p, output> by one piece: it is linear in every piece, so every unit vector in its place gives one. */
function gradientByPiece(p: Float64Array, length: number, output: (unit: Float64Array) => Float64Array): Float64Array {
  return Float64Array.from({ length }, (_, at) => {
    const unit = Float64Array.from({ length }, (__, i) => (i === at ? 1 : 0));
    return output(unit).reduce((sum, z, i) => sum + z * p[i], 0);
  });
}

const combinations = ['none', 'sum', 'product'] as const;

/**
 * (sum_d I x .. S_d .. x I) g, or the product S_1 x .. x S_D in the place of the sum, the matrix written out. Axes of the
 * shape that come before the S_d have I.
 */
function explicit(
  how: (typeof combinations)[number],
  matrices: readonly Float64Array[],
  shape: readonly number[],
  g: Float64Array,
): Float64Array {
  if (how === 'none') return g;
  const all = [...indices(shape)];
  const before = shape.length - matrices.length;
  return Float64Array.from(all, row =>
    all.reduce((total, column, j) => {
      const same = row.map((i, axis) => i === column[axis]);
      if (same.slice(0, before).includes(false)) return total;
      const entries = matrices.map((matrix, d) => matrix[row[before + d] * shape[before + d] + column[before + d]]);
      const others = (d: number) => same.every((is, axis) => is || axis === before + d);
      const sum = entries.reduce((terms, entry, d) => terms + (others(d) ? entry : 0), 0);
      return total + g[j] * (how === 'sum' ? sum : entries.reduce((product, entry) => product * entry, 1));
    }, 0),
  );
}

interface Preconditioned {
  readonly model: Model;
  readonly output: Output;
  readonly how: (typeof combinations)[number];
}

const grids = [
  [5, 5],
  [5, 5, 5],
];
const preconditioned: readonly Preconditioned[] = grids.flatMap(points => {
  const inner = points.slice(1).map((_, i) => 3 - i);
  const ranks = points.map((_, i) => [3, 2, 2][i]);
  const domain = grid(points);
  const train = {
    model: defineModel({ domain, contraction: tensorTrain({ ranks: inner }), network }),
    output: (factors: Arrays) => ttTwin(factors, points, inner, 1),
  };
  const full = {
    model: defineModel({ domain, contraction: tucker({ ranks }), network }),
    output: (factors: Arrays, core: Float64Array) => tuckerTwin(factors, core, points, ranks, 1),
  };
  const outputs = 3;
  const shared = {
    model: defineModel({ domain, contraction: cp({ rank: 4, scale: 0.5 }), readout: mixing({ outputs }), network }),
    output: (factors: Arrays, matrix: Float64Array) => cpTwin([matrix, ...factors], [outputs, ...points], 4, 0.5),
  };
  return [
    { ...train, how: 'sum' as const },
    { ...full, how: 'sum' as const },
    ...combinations.map(how => ({ ...shared, how })),
  ];
});

for (const { model, output, how } of preconditioned) {
  const planes = planeCount(model);
  test(`${model.contraction.name}, ${descriptionOf(model.domain)}, ${planes} outputs, S by ${how}: the gradient is the chain rule applied to the explicit matrix times G`, async () => {
    const { shape: axisPoints } = model.domain;
    const kind = model.contraction.name;
    const k = 2;
    const values = Float64Array.from(initialParameters(model, 5));
    const shape = planes === 1 ? axisPoints : [planes, ...axisPoints];
    const goal = Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(Math.sin(i)));
    goal[7] = Number.NaN; // left out
    const widths = widthsOf(model);
    const shapes = widths.map(outputs => ({
      inputs: 1,
      width: 9,
      outputs,
      depth: 3,
      name: 'sine' as const,
      omegas: [3, 3],
    }));
    const counts = shapes.map(one => layerShapes(one).reduce((sum, [rows, columns]) => sum + rows * columns, 0));
    const starts = counts.map((_, axis) => counts.slice(0, axis).reduce((sum, count) => sum + count, 0));
    const own = (axis: number) => values.slice(starts[axis], starts[axis] + counts[axis]);
    const contraction = values.slice(counts.reduce((sum, count) => sum + count, 0));
    const points = axisPoints.map(n => [...linspace(n)].map(x => [x]));
    const factors = axisPoints.map((_, axis) =>
      Float64Array.from(points[axis].flatMap(x => [...networkTwin(own(axis), x, shapes[axis])])),
    );
    const matrices = axisPoints.map((n, axis) =>
      preconditionerOf(tangentKernel(own(axis), points[axis], shapes[axis]), n, k),
    );
    const residual = output(factors, contraction).map((z, i) => (Number.isNaN(goal[i]) ? 0 : z - goal[i]));
    const p = explicit(how, matrices, shape, residual);
    const expected: Float64Array[] = axisPoints.map((n, axis) => {
      const width = widths[axis];
      const cotangent = gradientByPiece(p, n * width, unit =>
        output(
          factors.map((factor, d) => (d === axis ? unit : factor)),
          contraction,
        ),
      );
      const total = new Float64Array(counts[axis]);
      points[axis].forEach((x, i) => {
        const of = networkGradient(own(axis), x, cotangent.slice(i * width, (i + 1) * width), shapes[axis]);
        of.forEach((value, at) => {
          total[at] += value;
        });
      });
      return total;
    });
    if (contraction.length > 0) {
      expected.push(gradientByPiece(p, contraction.length, unit => output(factors, unit)));
    }
    // Adam's first moment after a step is a tenth of the gradient.
    const trainer = await Trainer.create(engine, {
      model,
      target: goal,
      optimiser: adam({ learningRate: 1e-6 }),
      ...(how !== 'none' && { preconditioner: sepPgd({ topK: k, combine: how }) }),
      seed: 5,
    });
    requireNorm(`${kind}, output`, await trainer.render(), output(factors, contraction), 1e-5);
    await trainer.advance(1);
    const found = (await trainer.state()).optimiser.state.firstMoment.map(x => 10 * x);
    let at = 0;
    expected.forEach((piece, i) => {
      requireNorm(`${kind}, piece ${i}`, found.slice(at, at + piece.length), piece, 1e-4);
      at += piece.length;
    });
    requireEqual('numbers', found.length, at);
    trainer.dispose();
  });
}

test('trains and Tucker models of 2 to 6 axes train, plain and by SepPGD; a core moves', async () => {
  for (const points of [
    [17, 22],
    [7, 9, 10],
    [4, 5, 3, 6],
    [2, 3, 2, 4, 3, 2],
  ]) {
    const wide = architecture({ width: 16 });
    for (const contraction of [tensorTrain({ ranks: 4 }), tucker({ ranks: 4 })]) {
      const model = defineModel({ domain: grid(points), contraction, network: wide });
      for (const preconditioner of [undefined, sepPgd({ topK: 2 }), sepPgd({ topK: 2, combine: 'product' })]) {
        const trainer = await Trainer.create(engine, {
          model,
          target: smooth(points),
          optimiser: adam({ learningRate: 3e-3 }),
          ...(preconditioner && { preconditioner }),
        });
        const before = (await trainer.state()).parameters;
        const losses = await trainer.advance(80);
        const what = `${contraction.name} ${points}`;
        require(`${what}: the loss went from ${losses[0]} to ${losses[79]}`, losses[79] < 0.3 * losses[0]);
        const core = contraction.name === 'tucker' ? 4 ** points.length : 0;
        const after = (await trainer.state()).parameters;
        const still = Array.from({ length: core }, (_, i) => after.length - core + i).filter(
          i => after[i] === before[i],
        );
        requireEqual(`${what}: numbers of the core that do not move`, still, []);
        trainer.dispose();
      }
    }
  }
}, 240);

test('two members of a train and of a Tucker model are trained apart, each with a core of its own', async () => {
  const points = [9, 11];
  for (const contraction of [tensorTrain({ ranks: 3 }), tucker({ ranks: 3 })]) {
    const core = contraction.name === 'tucker' ? 9 : 0;
    const modelOf = (members: number) => defineModel({ domain: grid(points), contraction, members, network });
    await requireMembersApart(modelOf, smooth(points), core);
  }
});

test('a Tucker model: 8 steps, saved to a file, and 7 more are 15; the file evaluates to what is rendered, tiled or whole', async () => {
  const points = [9, 11];
  const model = defineModel({ domain: grid(points), contraction: tucker({ ranks: [3, 4] }), network });
  await requireGoesOn(join(folder, 'tucker.safetensors'), model, smooth(points));
});

test('a step takes 14 dispatches for a CP model and 18 with SepPGD; a train 15 and 19, a Tucker model 20 and 24', async () => {
  const points = [24, 20];
  const count = async (contraction: Contraction, topK?: number) => {
    const trainer = await Trainer.create(engine, {
      model: defineModel({ domain: grid(points), contraction, network }),
      target: smooth(points),
      optimiser: adam({ learningRate: 1e-3 }),
      ...(topK && { preconditioner: sepPgd({ topK }) }),
    });
    const { dispatches } = trainer.work.step;
    trainer.dispose();
    return dispatches;
  };
  const counts: number[][] = [];
  for (const contraction of [cp({ rank: 8 }), tensorTrain({ ranks: 8 }), tucker({ ranks: 8 })]) {
    counts.push([await count(contraction), await count(contraction, 6)]);
  }
  const apart = [
    [14, 18],
    [15, 19],
    [20, 24],
  ];
  const joined = [
    [10, 11],
    [12, 13],
    [15, 17],
  ];
  requireEqual('dispatches', counts, device.cpu ? apart : joined);
});
