/** Regression on the tangent features of a model at its initial parameters: what `sepnn krr` runs. */

import { modelOfMethod } from '../../src/experiments/krr/methods.js';
import { functionNames, functions, type KrrSamples, krrSamples } from '../../src/experiments/krr/problem.js';
import { mediansOf } from '../../src/experiments/krr/results.js';
import { type KrrRun, runKrr } from '../../src/experiments/krr/run.js';
import { relu } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { coordinatesOf, type Domain } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { defineModel, initialParameters, type Model, onDomain } from '../../src/model/model.js';
import { identity } from '../../src/model/readout/identity.js';
import { mixing } from '../../src/model/readout/mixing.js';
import type { Readout } from '../../src/model/readout/readout.js';
import { KroneckerNtk } from '../../src/ntk/kroneckerNtk.js';
import { scale } from '../../src/ops/elementwise/linearCombination.js';
import { adam } from '../../src/optimiser/adam.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { msk } from '../../src/precondition/iga.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { type Samples, TangentTrainer, type TangentTrainerOptions } from '../../src/train/tangentTrainer.js';
import { twinArchitecture } from '../helpers/activations.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { jacobi } from '../reference/eigen/jacobi.js';
import { mlpJacobian } from '../reference/network/mlp.js';
import { layerShapes, tangentKernel } from '../reference/network/network.js';
import { adam as adamTwin } from '../reference/optimiser/adam.js';
import { precondition, preconditionerOf } from '../reference/precondition/precondition.js';
import { cpJacobian, gramOf } from '../reference/tangent/ntk.js';

const test = suite('tangent trainer');

const network = architecture({ width: 6, depth: 3, activation: relu });
const rank = 4;
const separable = defineModel({ domain: grid([6, 5]), contraction: cp({ rank, scale: 0.5 }), network });
const joint = defineModel({ domain: grid([6, 5]), contraction: jointNetwork({ scale: 1.5 }), network });
/** Adam's usual epsilon would make a step of full length of a gradient that is all rounding. */
const settings = { learningRate: 1e-2, weightDecay: 1e-2, epsilon: 1e-2 };
const optimiser = adam(settings);
const samples = (counts: readonly number[]): Samples => ({
  domain: grid(counts.map(n => randoms(n))),
  values: randoms(counts.reduce((product, n) => product * n, 1)),
});

type Map = (cotangent: Float64Array) => Float64Array;
const unchanged: Map = cotangent => cotangent;

/** The rows of J at the points of a domain. */
function jacobian({ contraction }: Model, theta: Float64Array, domain: Domain): Float64Array[] {
  const points = coordinatesOf(domain, [0, 1]);
  const shape = { axes: 2, rank, scale: Number(contraction.settings.scale), network: twinArchitecture(network) };
  return contraction.name === 'joint-network' ? mlpJacobian(theta, points, shape) : cpJacobian(theta, points, shape);
}

/** What is trained on, where it lies on the host. */
interface Known extends Pick<TangentTrainerOptions, 'model'> {
  readonly target: ArrayLike<number>;
  readonly evaluations?: Readonly<Record<string, Samples>>;
}

/** The same in float64 with J explicit, the cotangent put through `map`. */
function twin({ model, target, evaluations }: Known, theta: Float64Array, steps: number, map: Map, how = settings) {
  const rows = jacobian(model, theta, model.domain);
  const lossOf = (w: Float64Array, features: readonly Float64Array[], goal: ArrayLike<number>) =>
    features.reduce((sum, row, i) => sum + (inner(row, w) - goal[i]) ** 2 / 2, 0);
  const zeros = new Float64Array(theta.length);
  let state: ReturnType<typeof adamTwin> = { p: zeros, m: zeros, v: zeros };
  const losses: number[] = [];
  for (let t = 1; t <= steps; t++) {
    losses.push(lossOf(state.p, rows, target));
    const flowing = map(Float64Array.from(rows, (row, i) => inner(row, state.p) - target[i]));
    const gradient = theta.map((_, j) => rows.reduce((sum, row, i) => sum + row[j] * flowing[i], 0));
    state = adamTwin(state.p, gradient, state.m, state.v, t, {
      ...how,
      beta1: 0.9,
      beta2: 0.999,
      decoupled: false,
    });
  }
  const after = Object.values({ training: { domain: model.domain, values: target }, ...evaluations }).map(
    ({ domain, values }) => lossOf(state.p, jacobian(model, theta, domain), values),
  );
  return { losses, weights: state.p, after };
}

/** sum_d G x_d S_d, S_d from the pseudo-NTK of each axis. */
function sepPgdMap(theta: Float64Array, coordinates: readonly Float64Array[], k: number): Map {
  const shape = { inputs: 1, width: 6, outputs: rank, depth: 3, name: 'relu' as const, omegas: [1, 1] };
  const count = layerShapes(shape).reduce((sum, [outputs, inputs]) => sum + outputs * inputs, 0);
  const matrices = coordinates.map((axis, d) => {
    const own = theta.slice(d * count, (d + 1) * count);
    const points = Array.from(axis, x => [x]);
    return preconditionerOf(tangentKernel(own, points, shape), axis.length, k);
  });
  const points = coordinates.map(({ length }) => length);
  return cotangent => precondition(cotangent, points, matrices, 'sum');
}

/** S G, S from the NTK of all points. */
function mskMap(model: Model, k: number) {
  return (theta: Float64Array): Map => {
    const rows = jacobian(model, theta, model.domain);
    const n = rows.length;
    const matrix = preconditionerOf(gramOf(rows), n, k);
    return cotangent => cotangent.map((_, i) => inner(matrix.slice(i * n, (i + 1) * n), cotangent));
  };
}

function inner(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

test('three steps of each method equal those on an explicit feature matrix in float64, tests elsewhere too', async () => {
  // Evenly spread: points drawn close to each other leave l_2 / l_1 of MSK's kernel to rounding.
  const target = randoms(30);
  const axes = [linspace(6), linspace(5)];
  const cases: [string, Pick<TangentTrainerOptions, 'model' | 'preconditioner'>, (theta: Float64Array) => Map][] = [
    ['SepNN', { model: separable }, () => unchanged],
    ['SepPGD', { model: separable, preconditioner: sepPgd({ topK: 2 }) }, theta => sepPgdMap(theta, axes, 2)],
    ['SepNN, MSK', { model: separable, preconditioner: msk({ topK: 2 }) }, mskMap(separable, 2)],
    ['MLP', { model: joint }, () => unchanged],
    ['MLP, MSK', { model: joint, preconditioner: msk({ topK: 2 }) }, mskMap(joint, 2)],
  ];
  for (const [name, method, mapOf] of cases) {
    const options = { ...method, target, evaluations: { test: samples([3, 9]) }, optimiser, seed: 5 };
    const theta = Float64Array.from(initialParameters(method.model, 5));
    const expected = twin(options, theta, 3, mapOf(theta));
    const trainer = await TangentTrainer.create(engine, options);
    requireClose(`${name}: losses`, await trainer.advance(3), expected.losses, { relative: 1e-5 });
    requireNorm(`${name}: weights`, await trainer.weights(), expected.weights, 1e-4);
    const { training: here, test: elsewhere } = await trainer.evaluate();
    requireClose(`${name}: evaluations`, [here, elsewhere], expected.after, { relative: 1e-5 });
    trainer.dispose();
  }
});

test('a step of gradient descent follows the gradient of equation 15 as it is written, with S^(1/2) and the ridge, in float64', async () => {
  const target = randoms(30);
  const axes = [linspace(6), linspace(5)];
  const [learningRate, gamma] = [0.02, 0.3];
  const cases: [string, TangentTrainerOptions['preconditioner'], (theta: Float64Array) => Map][] = [
    ['plain', undefined, () => unchanged],
    ['SepPGD', sepPgd({ topK: 2 }), theta => sepPgdMap(theta, axes, 2)],
    ['MSK', msk({ topK: 2 }), mskMap(separable, 2)],
  ];
  for (const [name, preconditioner, mapOf] of cases) {
    const trainer = await TangentTrainer.create(engine, {
      model: separable,
      target,
      optimiser: sgd({ learningRate, weightDecay: gamma }),
      seed: 5,
      ...(preconditioner && { preconditioner }),
    });
    const theta = Float64Array.from(initialParameters(separable, 5));
    const rows = jacobian(separable, theta, separable.domain);
    const root = rootOf(mapOf(theta), rows.length);
    const objective = (w: Float64Array) => {
      const residual = Float64Array.from(rows, (row, i) => inner(row, w) - target[i]);
      const fit = root.reduce((sum, row) => sum + inner(row, residual) ** 2, 0);
      return fit / 2 + (gamma / 2) * inner(w, w);
    };
    await trainer.advance(1);
    const before = Float64Array.from(await trainer.weights());
    await trainer.advance(1);
    const after = await trainer.weights();
    const followed = before.map((w, j) => (w - after[j]) / learningRate);
    // The objective is quadratic: its difference quotient over any length is its derivative.
    const expected = before.map((w, j) => {
      const at = (moved: number) => objective(before.with(j, moved));
      return (at(w + 1) - at(w - 1)) / 2;
    });
    requireNorm(`${name}: gradient`, followed, expected, 1e-4);
    trainer.dispose();
  }
});

/** S^(1/2) of a symmetric map of n numbers, row by row. */
function rootOf(map: Map, n: number): Float64Array[] {
  const columns = Array.from({ length: n }, (_, i) => map(new Float64Array(n).with(i, 1)));
  const { values, vectors } = jacobi(Float64Array.from(columns.flatMap(column => [...column])), n);
  return columns.map((_, i) =>
    columns[i].map((__, j) =>
      values.reduce(
        (sum, value, u) => sum + Math.sqrt(Math.max(0, value)) * vectors[u * n + i] * vectors[u * n + j],
        0,
      ),
    ),
  );
}

test('krr takes the steps of Adam with the ridge in the gradient, on the samples, the model and the S of equation 15', async () => {
  const how = { learningRate: 1e-3, weightDecay: 50, epsilon: 1e-8 };
  const krr = {
    ...{ function: 'f2' as const, points: 6, rank: 4, width: 6, depth: 3, activation: relu, topK: 2, mskTopK: 2 },
    ...{ learningRate: how.learningRate, weightDecay: how.weightDecay, steps: 6, reportEvery: 6, within: 6 },
  } as const;
  const { training, test: tests } = krrSamples('f2', 6, { noise: 0.01, seed: 3 });
  const model = modelOfMethod('sepnn-seppgd', krr);
  const theta = Float64Array.from(initialParameters(model, 3));
  const map = sepPgdMap(theta, [linspace(6), linspace(6)], 2);
  const expected = twin({ model, target: training.values, evaluations: { test: tests } }, theta, 6, map, how);
  const { curve } = await runKrr(engine, { method: 'sepnn-seppgd', noise: 0.01, seed: 3 }, krr, () => {});
  const { trainingMse, testMse } = curve[1];
  requireClose(
    'training, test',
    [trainingMse, testMse],
    expected.after.map(loss => (2 * loss) / 36),
    { relative: 1e-4 },
  );
});

test('a restart repeats a run to the bit, whatever went before', async () => {
  const { domain, values } = samples([6, 5]);
  const trainer = await TangentTrainer.create(engine, {
    model: onDomain(separable, domain),
    target: values,
    optimiser,
    preconditioner: sepPgd({ topK: 3 }),
  });
  const first = await trainer.advance(9);
  await trainer.restart();
  requireEqual('step', trainer.step, 0);
  const again = [...(await trainer.advance(4)), ...(await trainer.advance(5))];
  requireClose('losses', again, first, {});
  trainer.dispose();
});

test('the functions are those of the paper at points worked out by hand; noise is of the training alone', () => {
  requireClose('f1', [functions.f1(0.5, 0.5), functions.f1(0.5, 1)], [1 / 3, Math.exp(-81 / 16) / 3], {
    relative: 1e-14,
  });
  requireClose('f2', [functions.f2(1 / 3, 0), functions.f2(0, Math.PI / 5.4)], [2.25 / 6, 0.25 / 12], {
    relative: 1e-12,
  });
  requireClose('f3', [functions.f3(0.5, 0.5), functions.f3(-1, -1)], [1 / 9, 2 / 9], { relative: 1e-9 });
  for (const name of functionNames) {
    const [clean, noisy, other] = [
      krrSamples(name, 40, { noise: 0, seed: 3 }),
      krrSamples(name, 40, { noise: 0.1, seed: 3 }),
      krrSamples(name, 40, { noise: 0, seed: 4 }),
    ];
    requireClose('test values', noisy.test.values, clean.test.values, {});
    const axesOf = ({ test: { domain } }: KrrSamples) => [0, 1].map(axis => coordinatesOf(domain, [axis]));
    requireEqual('test places differ by seed', axesOf(other)[0][7] === axesOf(clean)[0][7], false);
    const noise = Array.from(noisy.training.values, (value, i) => value - clean.training.values[i]);
    const deviation = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
    require(`${name}: a deviation of ${deviation}`, Math.abs(deviation - 0.1) < 0.01);
    const trainedAt = ({ training: { domain } }: KrrSamples) => [...coordinatesOf(domain, [0])];
    requireClose('regular', trainedAt(clean), linspace(40), {});
    const [drawn, redrawn] = [3, 4].map(seed => trainedAt(krrSamples(name, 40, { noise: 0, seed, spread: 'drawn' })));
    require('drawn from [-1, 1], in order', drawn.every((x, i) => Math.abs(x) <= 1 && x > (drawn[i - 1] ?? -2)));
    require('drawn by the seed', drawn[7] !== redrawn[7] && drawn[7] !== axesOf(clean)[0][7]);
    const [xs, ys] = axesOf(clean);
    requireClose('at a point', [clean.test.values[3 * 40 + 9]], [functions[name](xs[3], ys[9])], {});
  }
});

test('SepPGD tests better than plain after 60 steps on every function by a fifth, in the median of five seeds', async () => {
  const options = { points: 16, rank: 24, width: 32, depth: 3, activation: relu, topK: 4, mskTopK: 4 };
  const rest = { learningRate: 3e-3, weightDecay: 1e-4, steps: 60, reportEvery: 60, within: 60 };
  for (const name of functionNames) {
    const runs: KrrRun[] = [];
    for (const method of ['sepnn', 'sepnn-seppgd'] as const) {
      for (let seed = 0; seed < 5; seed++) {
        const krr = { ...options, ...rest, function: name };
        runs.push(await runKrr(engine, { method, noise: 0.01, seed }, krr, () => {}));
      }
    }
    const [plain, preconditioned] = mediansOf(runs, 60).map(({ bestWithin }) => bestWithin);
    require(`${name}: ${preconditioned} beside ${plain}`, preconditioned < 0.8 * plain);
  }
});

/** A readout of a host: twice what the contraction gives. */
const twice: Readout = {
  ...identity(),
  name: 'times 2',
  output: contracted => scale(contracted.output(), 2),
  jvp: tangent => scale(tangent, 2),
};

test('a readout is linearised with its model: twice the output has twice the features, and four times the kernel', async () => {
  const parameters = initialParameters(separable, 0);
  const v = randoms(30);
  const products: Float32Array[] = [];
  for (const model of [separable, { ...separable, readout: twice }]) {
    const kernel = await KroneckerNtk.create(engine, model, parameters);
    products.push(await kernel.product(v));
    kernel.dispose();
  }
  requireClose(
    'kernel',
    products[1],
    products[0].map(x => 4 * x),
    { relative: 1e-6, absolute: 1e-6 },
  );
  const run = async (model: Model, target: Float64Array) => {
    const trainer = await TangentTrainer.create(engine, { model, target, optimiser: sgd({ learningRate: 1e-3 }) });
    const losses = await trainer.advance(3);
    trainer.dispose();
    return losses;
  };
  // h doubled against Y doubled: four times the loss, and four times the step.
  const target = randoms(30);
  const [plain] = await run(separable, target);
  const [first, second] = await run(
    { ...separable, readout: twice },
    target.map(y => 2 * y),
  );
  requireClose('loss', [first], [4 * plain], { relative: 1e-6 });
  const slow = await TangentTrainer.create(engine, {
    model: separable,
    target,
    optimiser: sgd({ learningRate: 4e-3 }),
  });
  requireClose('the next', [second], [4 * (await slow.advance(2))[1]], { relative: 1e-5 });
  slow.dispose();
});

test('samples of another size, and models without a Jacobian-vector product, are refused', async () => {
  const common = { model: separable, target: randoms(30), optimiser };
  const coordinates = randoms(60);
  const refused: [Partial<TangentTrainerOptions>, RegExp][] = [
    [{ target: randoms(29) }, /^target: takes 30 numbers, got 29$/],
    [
      { evaluations: { test: { domain: grid([randoms(2), randoms(3)]), values: randoms(5) } } },
      /^evaluations: test: takes 6 numbers, got 5$/,
    ],
    [
      { model: { ...separable, readout: mixing({ outputs: 2 }) } },
      /^linearisation: a cp model of 2 outputs on 6 x 5 has no Jacobian-vector product: use cp of one output on a grid/,
    ],
    [
      { model: onDomain(separable, scatteredPoints({ axes: 2, coordinates })) },
      /a cp model of 1 outputs on 30 points of 2 axes has no Jacobian-vector product/,
    ],
    [
      { model: { ...separable, contraction: tensorTrain({ ranks: 3 }) } },
      /a tensor-train model of 1 outputs on 6 x 5 has no Jacobian-vector product/,
    ],
  ];
  const untyped = (value: unknown) => value as never;
  const { jvp: _, ...withoutJvp } = twice;
  refused.push(
    [
      { evaluations: { training: { domain: separable.domain, values: randoms(30) } } },
      /^evaluations: training is the name of the target itself: use another$/,
    ],
    [{ evaluations: untyped([1]) }, /^evaluations: a list is no object: give each by its name$/],
    [{ evaluations: untyped({ test: 1 }) }, /^evaluations: test: 1 is no object: give options { domain, values }/],
    [{ evaluations: untyped({ test: { domain: 1, values: [] } }) }, /^evaluations: test: domain: 1 is none: give grid/],
    [{ preconditioner: untyped('seppgd') }, /^preconditioner: "seppgd" is none: give sepPgd\(\)/],
    [{ seed: -1 }, /^seed: -1: use a whole number from 0 to 4294967295$/],
    [
      { model: { ...separable, readout: withoutJvp } },
      /^linearisation: the times 2 readout has no Jacobian-vector product: use identity\(\)$/,
    ],
  );
  const before = engine.memory.bytes;
  for (const [options, message] of refused) {
    const create = () => TangentTrainer.create(engine, { ...common, ...options });
    await requireThrows(String(message), create, 'InputError', message);
  }
  requireEqual('memory kept', engine.memory.bytes, before);
});
