/** Scattered points: kernels and operations against their float64 twins, training against the explicit matrices. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackOf } from '../../src/buffer/layout.js';
import { requireCase } from '../../src/experiments/golden/goldenFormat.js';
import type { Build } from '../../src/graph/plan.js';
import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { dispatch } from '../../src/kernel/dispatch.js';
import { architecture } from '../../src/model/architecture.js';
import { describeModel } from '../../src/model/codec.js';
import { cp } from '../../src/model/contraction/cp.js';
import { coordinatesOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { defineModel, initialParameters, onDomain } from '../../src/model/model.js';
import { bceWithLogits } from '../../src/objective/bceWithLogits.js';
import { squaredError } from '../../src/objective/squaredError.js';
import { contractPoints, contractPointsVjp } from '../../src/ops/contraction/contractPoints.js';
import { preconditionPoints } from '../../src/ops/precondition/preconditionPoints.js';
import { vjp } from '../../src/ops/vjp.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import * as kernels from '../../src/wgsl/contraction.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { type Arrays, differenceVjp } from '../helpers/difference.js';
import { contentOf, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { random, randoms } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { cp as cpTwin } from '../reference/contraction/cp.js';
import { cpPoints } from '../reference/contraction/cpPoints.js';
import { cpPointsVjp } from '../reference/contraction/cpPointsVjp.js';
import { orthonormalise } from '../reference/eigen/orthonormalise.js';
import { product } from '../reference/linear/product.js';
import { layerShapes, networkGradient, network as networkTwin, tangentKernel } from '../reference/network/network.js';
import { preconditioner, preconditionerOf } from '../reference/precondition/precondition.js';

const test = suite('scattered points');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-points-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

/** [points, rank] of models that go through one dispatch. */
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [3, 5],
  [64, 4],
  [65, 3],
  [131, 34],
];
const allAxes = [2, 3, 4, 5, 6];
const join64 = (arrays: readonly ArrayLike<number>[]) =>
  Float64Array.from(arrays.flatMap(values => Array.from(values)));

/** Random factor matrices of every size, and the fields of the problems that both kernels begin with. */
function models(axes: number) {
  const factors = sizes.map(([points, rank]) => Array.from({ length: axes }, () => randoms(points * rank)));
  factors[1][1][2] = 0; // cannot be divided out
  const layout = stackOf(sizes.flatMap(size => Array(axes).fill(size)));
  const problems = sizes.map(([points, rank], i) => {
    const { offset, stride } = layout.parts[i * axes];
    return { points, rank, scale: 0.5 + i, factor: offset / 4, factorStride: stride / 4 };
  });
  return { factors, layout, problems, operand: filled(layout, join64(factors.flat())) };
}

/** Workgroups of 64 in a line, and the same folded. */
const folds = (count: number) => [
  [Math.ceil(count / 64), 1],
  [Math.ceil(count / 64 / 3), 3],
];

test('cpPoints: models of 1 to 131 points and ranks 1 to 34 in one dispatch, 2 to 6 axes, match float64', async () => {
  for (const axes of allAxes) {
    const { factors, problems, operand } = models(axes);
    const output = stackOf(sizes.map(([points]) => [points]));
    for (const [wide, high] of folds(131)) {
      const result = poisoned(output);
      await run([
        dispatch(kernels.cpPoints, {
          constants: { WORKGROUP: 64, AXES: axes },
          problems: problems.map((problem, i) => ({ ...problem, result: output.parts[i].offset })),
          buffers: { factor: operand.storage, result: result.storage },
          workgroups: [wide, high, sizes.length],
        }),
      ]);
      const expected = sizes.map(([points, rank], i) => cpPoints(factors[i], points, rank, problems[i].scale));
      requireClose(`${axes} axes`, await contentOf(result), join64(expected), { relative: 1e-6, absolute: 4e-6 });
    }
  }
});

test('cpPointsVjp: the cotangents of all axes in one dispatch, a factor of zero too, match float64', async () => {
  for (const axes of allAxes) {
    const { factors, layout, problems, operand } = models(axes);
    const input = stackOf(sizes.map(([points]) => [points]));
    const p = sizes.map(([points]) => randoms(points));
    const cotangent = filled(input, join64(p));
    for (const [wide, high] of folds(131 * 9)) {
      const result = poisoned(layout);
      await run([
        dispatch(kernels.cpPointsVjp, {
          constants: { WORKGROUP: 64, AXES: axes },
          problems: problems.map((problem, i) => ({
            ...problem,
            cotangent: input.parts[i].offset,
            result: problem.factor,
            resultStride: problem.factorStride,
          })),
          buffers: { cotangent: cotangent.storage, factor: operand.storage, result: result.storage },
          workgroups: [wide, high, sizes.length],
        }),
      ]);
      const expected = sizes.flatMap(([, rank], i) => cpPointsVjp(p[i], factors[i], rank, problems[i].scale));
      requireClose(`${axes} axes`, await contentOf(result), join64(expected), { relative: 2e-6, absolute: 1e-7 });
    }
  }
});

test('contractPoints: value and VJP of two models at once, and the diagonal of the contraction on the grid', async () => {
  for (const [axes, n, rank] of [
    [2, 7, 3],
    [3, 5, 6],
    [6, 2, 1],
  ]) {
    const count = axes * n * rank;
    const inputs = randoms(2 * count);
    const split = (values: Float64Array) =>
      Array.from({ length: axes }, (_, d) => values.slice(d * n * rank, (d + 1) * n * rank));
    const halves = (all: Float64Array) => [all.slice(0, count), all.slice(count)].map(split);
    const twin = ([all]: Arrays) => join64(halves(all).map(model => cpPoints(model, n, rank, 0.5)));
    const cotangent = randoms(2 * n);
    const factors = engine.stack(Array(2 * axes).fill([n, rank]), inputs);
    const seed = engine.stack([[n], [n]], cotangent);
    const plan = await engine.compile(graph => {
      const at = graph.read(factors);
      const output = contractPoints(at, { axes, scale: 0.5 });
      return { output, gradient: vjp(output, graph.read(seed), [at])[0] };
    });
    await plan.run();
    const output = await plan.outputs.output.read();
    requireNorm(`value, ${axes} axes`, output, twin([inputs]), 2e-6);
    const [difference] = differenceVjp(twin, [inputs], cotangent);
    requireNorm(`VJP, ${axes} axes`, await plan.outputs.gradient.read(), difference, 1e-5);
    const counts = Array<number>(axes).fill(n);
    const whole = cpTwin(halves(inputs)[0], counts, rank, 0.5);
    const step = counts.reduce(sum => sum * n + 1, 0);
    const diagonal = Float64Array.from({ length: n }, (_, i) => whole[i * step]);
    requireNorm(`diagonal, ${axes} axes`, output.slice(0, n), diagonal, 2e-6);
    plan.dispose();
  }
});

/** Random V and C V with the last row of C zero, as `modulate` leaves it behind k. */
function randomBasis(k: number, n: number) {
  const vectors = orthonormalise(randoms(k * n), k, n).map(Math.fround);
  return { k, n, vectors, scaled: vectors.map((x, at) => x * (0.9 - (0.9 / k) * (Math.floor(at / n) + 1))) };
}

const times = (matrix: Float64Array, vector: Float64Array) =>
  product({ rows: vector.length, columns: 1, inner: vector.length, a: matrix, b: vector });

/** (S_1 + .. + S_D) g, or S_1 .. S_D g. */
function dense(matrices: readonly Float64Array[], g: Float64Array, combine: 'sum' | 'product'): Float64Array {
  if (combine === 'product') return matrices.reduceRight((x, matrix) => times(matrix, x), g);
  const parts = matrices.map(matrix => times(matrix, g));
  return g.map((_, i) => parts.reduce((sum, part) => sum + part[i], 0));
}

test('preconditionPoints: the sum and the ordered product of S_d equal the explicit matrices, 2 to 6 axes, two at once', async () => {
  for (const [n, tops] of [
    [1, [1, 1]],
    [9, [3, 2, 9]],
    [70, [1, 17]],
    [67, [5, 4, 3, 2, 1, 6]],
  ] as const) {
    for (const combine of ['sum', 'product'] as const) {
      const axes = tops.length;
      const bases = [...tops, ...tops].map(k => randomBasis(k, n));
      const shapes = bases.map(({ k }) => [k, n]);
      const g = [randoms(n), randoms(n)];
      const cotangent = engine.stack([[n], [n]], join64(g));
      const vectors = engine.stack(shapes, join64(bases.map(basis => basis.vectors)));
      const scaled = engine.stack(shapes, join64(bases.map(basis => basis.scaled)));
      const plan = await engine.compile(graph => ({
        p: preconditionPoints(graph.read(cotangent), graph.read(vectors), graph.read(scaled), { axes, combine }),
      }));
      await plan.run();
      const expected = g.map((values, i) => {
        const own = bases.slice(i * axes, (i + 1) * axes);
        const matrices = own.map(basis => preconditioner(basis.vectors, basis.scaled, basis.k, n));
        return dense(matrices, values, combine);
      });
      requireNorm(`${combine} of ${axes} on ${n}`, await plan.outputs.p.read(), join64(expected), 2e-6);
      requireClose('the cotangent itself stays', await cotangent.read(), join64(g), {});
      plan.dispose();
    }
  }
});

test('one SepPGD gradient on scattered points equals float64 with explicit S_d, as a sum and as a product', async () => {
  const [n, axes, rank, width, k] = [23, 3, 5, 8, 4];
  const coordinates = randoms(n * axes);
  const model = defineModel({
    domain: scatteredPoints({ axes, coordinates }),
    contraction: cp({ rank, scale: 0.5 }),
    network: architecture({ width, omega: 3 }),
  });
  const values = Float64Array.from(initialParameters(model, 5));
  const target = randoms(n);
  const shape = { inputs: 1, width, outputs: rank, depth: 3, name: 'sine' as const, omegas: [3, 3] };
  const count = layerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
  const axesOf = Array.from({ length: axes }, (_, axis) => ({
    own: values.slice(axis * count, (axis + 1) * count),
    inputs: Array.from({ length: n }, (__, i) => [coordinates[i * axes + axis]]),
  }));
  const factors = axesOf.map(({ own, inputs }) => join64(inputs.map(x => networkTwin(own, x, shape))));
  const matrices = axesOf.map(({ own, inputs }) => preconditionerOf(tangentKernel(own, inputs, shape), n, k));
  const residual = cpPoints(factors, n, rank, 0.5).map((z, i) => z - target[i]);
  for (const combine of ['sum', 'product'] as const) {
    const m = cpPointsVjp(dense(matrices, residual, combine), factors, rank, 0.5);
    const gradient = axesOf.map(({ own, inputs }, axis) => {
      const total = new Float64Array(count);
      inputs.forEach((x, i) => {
        networkGradient(own, x, m[axis].slice(i * rank, (i + 1) * rank), shape).forEach((value, at) => {
          total[at] += value;
        });
      });
      return total;
    });
    const trainer = await Trainer.create(engine, {
      model,
      target,
      optimiser: adam({ learningRate: 1e-6 }),
      preconditioner: sepPgd({ topK: k, combine }),
      seed: 5,
    });
    await trainer.advance(1);
    // Adam's first moment after a step from nothing is a tenth of the gradient.
    const { firstMoment } = (await trainer.state()).optimiser.state;
    requireNorm(
      `gradient, ${combine}`,
      firstMoment.map(x => 10 * x),
      join64(gradient),
      1e-4,
    );
    trainer.dispose();
  }
});

/** A smooth function of two coordinates, between 0 and 1, and samples of it. */
const smooth = (x: number, y: number) => 0.5 + 0.4 * Math.sin(3 * x + 1) * Math.cos(2 * y) * Math.exp(-x * y);
const points = 150;
const samples = Float64Array.from({ length: 2 * points }, () => Math.fround(2 * random() - 1));
const valuesAt = Float64Array.from({ length: points }, (_, i) => smooth(samples[2 * i], samples[2 * i + 1]));
const network = architecture({ width: 24, omega: 4 });
const contraction = cp({ rank: 12 });
const sampled = defineModel({ domain: scatteredPoints({ axes: 2, coordinates: samples }), contraction, network });

function create(options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  const base = { model: sampled, target: valuesAt, optimiser: adam({ learningRate: 1e-3 }) };
  return Trainer.create(engine, { ...base, ...options });
}

test('300 steps on 150 samples of a smooth function lower both losses, plain and preconditioned', async () => {
  const shares = [
    { objective: squaredError(), share: 0.02 },
    { objective: bceWithLogits(), share: 0.95 },
  ];
  const preconditioners = {
    plain: {},
    'k = 8': { preconditioner: sepPgd({ topK: 8 }) },
    product: { preconditioner: sepPgd({ topK: 4, combine: 'product' }) },
  };
  for (const { objective, share } of shares) {
    for (const [name, preconditioner] of Object.entries(preconditioners)) {
      const trainer = await create({ objective, ...preconditioner });
      const [first] = await trainer.advance(1);
      await trainer.advance(299);
      const { training } = await trainer.evaluate();
      require(`${objective.name}, ${name}: from ${first} to ${training}`, training < share * first);
      trainer.dispose();
    }
  }
});

test('what was learnt on scattered points holds between them: the same parameters on a grid give the function', async () => {
  const trainer = await create({ preconditioner: sepPgd({ topK: 8 }) });
  await trainer.advance(500);
  const counts = [11, 9];
  const elsewhere = await Trainer.create(engine, {
    model: onDomain(sampled, grid(counts)),
    target: new Float32Array(99),
    optimiser: adam({ learningRate: 1e-3 }),
  });
  elsewhere.restore(await trainer.state());
  const [xs, ys] = counts.map(linspace);
  const expected = join64([...xs].map(x => [...ys].map(y => smooth(x, y))));
  requireNorm('on the grid', await elsewhere.render(), expected, 0.1);
  trainer.dispose();
  elsewhere.dispose();
});

test('points left out by NaN do not matter; evaluate sees them, render gives every point', async () => {
  const hide = (hidden: boolean) => valuesAt.map((y, i) => ((i % 5 === 0) === hidden ? Number.NaN : y));
  const trainer = await create({ target: hide(true), evaluations: { heldOut: hide(false), all: valuesAt } });
  await trainer.advance(20);
  const { training, heldOut, all } = await trainer.evaluate();
  requireClose('the parts add up', [training + heldOut], [all], { relative: 1e-5 });
  const output = await trainer.render();
  const mine = output.reduce((sum, z, i) => sum + (z - valuesAt[i]) ** 2 / 2, 0);
  requireClose('loss of the output', [all], [mine], { relative: 1e-5 });
  trainer.dispose();
});

test('a member of two on scattered points is what it is alone', async () => {
  const both = await create({
    model: { ...sampled, members: 2 },
    target: join64([valuesAt, valuesAt.map(y => 1 - y)]),
    preconditioner: sepPgd({ topK: 6 }),
  });
  const alone = await create({ preconditioner: sepPgd({ topK: 6 }) });
  await both.advance(12);
  await alone.advance(12);
  requireClose('first member', (await both.render()).slice(0, points), await alone.render(), { absolute: 2e-5 });
  both.dispose();
  alone.dispose();
});

test('points that share a coordinate and a single point train; k = n, which flattens all of a spectrum, stays finite', async () => {
  const few = samples.map((x, i) => (i % 2 === 0 ? Math.sign(x) : x)); // two values on the first axis
  const cases: [number, number, Float64Array][] = [
    [points, 2, few],
    [points, 8, few], // more than this axis's kernel has eigenvalues above rounding
    [1, 1, samples.slice(0, 2)],
    [12, 12, samples.slice(0, 24)],
  ];
  for (const [count, topK, coordinates] of cases) {
    const domain = scatteredPoints({ axes: 2, coordinates });
    const trainer = await create({
      model: defineModel({ domain, contraction: cp({ rank: 3 }), network }),
      target: valuesAt.slice(0, count),
      preconditioner: sepPgd({ topK }),
    });
    const losses = await trainer.advance(60);
    // advance refuses a loss that is not finite; with all eigenvalues flattened to the least nothing else is promised.
    const falls = count === 1 || topK < count;
    require(`${count} points, k = ${topK}: ${losses[0]} to ${losses[59]}`, !falls || losses[59] < losses[0]);
    trainer.dispose();
  }
});

test('a model on scattered points is saved and read again as one, with its training state', async () => {
  const trainer = await create({ preconditioner: sepPgd({ topK: 6 }) });
  await trainer.advance(11);
  const path = join(folder, 'points.safetensors');
  await writeModel(path, { model: sampled, state: await trainer.state(), training: {} });
  const saved = await readModel(path);
  requireEqual('model', saved.model, sampled);
  requireEqual('description', describeModel(saved.model), describeModel(sampled));
  requireClose('coordinates', coordinatesOf(saved.model.domain, [0, 1]), samples, {});
  const next = await create({ model: saved.model, preconditioner: sepPgd({ topK: 6 }), seed: 9 });
  next.restore(saved.state);
  requireClose('the next steps', await next.advance(12), await trainer.advance(12), {});
  trainer.dispose();
  next.dispose();
});

test('bad points are refused in one line that names what, the value and the remedy, before anything is allocated', async () => {
  const before = engine.memory.bytes;
  const refused = (options: Partial<TrainerOptions>, message: RegExp) =>
    requireThrows(String(message), () => create(options), 'InputError', message);
  const withOne = (value: number) => samples.map((x, i) => (i === 7 ? value : x));
  const domain = (options: { points?: number; axes?: number; coordinates?: ArrayLike<number> }, message: RegExp) =>
    requireThrows(String(message), () => scatteredPoints({ axes: 2, ...options }), 'InputError', message);
  await domain(
    { coordinates: samples.slice(1) },
    /^coordinates: points of 2 axes take a whole number of 2 numbers, point by point, got 299$/,
  );
  await domain(
    { coordinates: samples.slice(1), points },
    /^coordinates: points of 2 axes take 300 numbers, point by point, got 299$/,
  );
  await domain({ coordinates: withOne(Number.NaN) }, /^coordinates: point 3 has NaN on axis 1: use finite numbers$/);
  await domain({ coordinates: withOne(1e300) }, /^coordinates: point 3 has 1e\+300 on axis 1: use finite numbers$/);
  await domain({ points: 0 }, /^points: 0: use a whole number from 1/);
  await domain({ points: 5, axes: 7 }, /^axes: 7: use a whole number from 2 to 6$/);
  await refused(
    { model: onDomain(sampled, scatteredPoints({ axes: 2, points })) },
    /^coordinates: those of the 150 points of 2 axes are not known: give a domain, such as grid\(\[256, 256\]\)$/,
  );
  await refused({ target: [1, 2] }, /^target: takes 150 numbers, got 2$/);
  await refused({ preconditioner: sepPgd({ topK: 151 }) }, /^topK: 151: use a whole number from 1 to 150$/);
  requireEqual('bytes', engine.memory.bytes, before);
  await requireThrows('X', () => requireCase({ X: [1, 2] }), 'InputError', /^case: the fields omegas, .* are missing$/);
  const golden = { X: [[1, 2], [3]], omegas: [1], params: {}, target: [], k: 1 };
  await requireThrows('ragged X', () => requireCase(golden), 'InputError', /^case: X is no matrix \(n, D\)/);
});

test('the shape rules of scattered points name the operation, what is wrong and what would be right', async () => {
  const shapes = (...all: number[][]) => engine.stack(all);
  const refused = (what: string, build: Build, message: RegExp) =>
    requireThrows(what, () => engine.compile(build), 'InputError', message);
  const [uneven, factors, rows] = [shapes([4, 3], [5, 3]), shapes([4, 3], [4, 3]), shapes([2, 4], [2, 4])];
  const settings = { axes: 2, scale: 1 };
  await refused(
    'lengths',
    graph => ({ z: contractPoints(graph.read(uneven), settings) }),
    /^contractPoints: factor matrices of 4 scattered points are \(4, 3\), got \(5, 3\)$/,
  );
  await refused(
    'cotangent',
    graph => ({ m: contractPointsVjp(graph.read(engine.tensor([5])), graph.read(factors), settings) }),
    /^contractPointsVjp: takes a value of shape \(4\), got \(5\)$/,
  );
  await refused(
    'eigenvectors',
    graph => {
      const v = graph.read(rows);
      return { p: preconditionPoints(graph.read(engine.tensor([5])), v, v, { axes: 2, combine: 'sum' }) };
    },
    /^preconditionPoints: a cotangent of shape \(5\) takes eigenvectors \(k, n\) of n points, got \(2, 4\)$/,
  );
});
