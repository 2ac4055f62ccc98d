/** MSK and IGA: their gradients against explicit matrices in float64, training, resumption, and what they refuse. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Shape, sizeOf, stackOf } from '../../src/buffer/layout.js';
import { Random } from '../../src/host/random.js';
import { Scope } from '../../src/host/scope.js';
import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { dispatch } from '../../src/kernel/dispatch.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { coordinatesOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { forward, networkInput } from '../../src/model/forward.js';
import {
  defineModel,
  type Model,
  modelParameterShapes,
  outputShape,
  outputShapes,
  parameterCount,
} from '../../src/model/model.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { squaredError } from '../../src/objective/squaredError.js';
import { groupedShape, groupPoints, ungroupPoints } from '../../src/ops/precondition/groupPoints.js';
import { adam } from '../../src/optimiser/adam.js';
import { groupingOf, samplesOf } from '../../src/precondition/grouping.js';
import { type IgaOptions, iga, msk } from '../../src/precondition/iga.js';
import type { Preconditioner } from '../../src/precondition/preconditioner.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { gradientOf } from '../../src/train/gradient.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import * as kernels from '../../src/wgsl/precondition.js';
import { twinArchitecture } from '../helpers/activations.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { contentOf, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { cpPoints } from '../reference/contraction/cpPoints.js';
import { mlp, mlpJacobian } from '../reference/network/mlp.js';
import {
  groupedIndices,
  groupPoints as groupTwin,
  ungroupPoints as ungroupTwin,
} from '../reference/precondition/groupPoints.js';
import { preconditionerOf } from '../reference/precondition/precondition.js';
import { cpFactors, cpJacobian, gramOf } from '../reference/tangent/ntk.js';

const test = suite('rivals');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-rivals-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

const groupings: readonly (readonly [Shape, Shape])[] = [
  [[1], [1]],
  [[131], [7]],
  [
    [5, 7],
    [2, 3],
  ],
  [
    [6, 8],
    [1, 1],
  ],
  [
    [9, 4],
    [9, 4],
  ],
  [
    [3, 5, 6],
    [2, 1, 4],
  ],
  [
    [2, 3, 1, 2, 3, 5],
    [2, 2, 1, 1, 2, 2],
  ],
];

test('groupPoints: two tensors at once, 1 to 6 axes, blocks that divide and that do not, there and back, match', async () => {
  for (const [points, block] of groupings) {
    const shape = groupedShape({ grid: points, block });
    const [tensors, matrices] = [stackOf([points, points]), stackOf([shape, shape])];
    const values = [randoms(sizeOf(points)), randoms(sizeOf(points))];
    const held = [randoms(sizeOf(shape)), randoms(sizeOf(shape))];
    const joined = (arrays: readonly Float64Array[]) => arrays.flatMap(one => [...one]);
    for (const BACK of [false, true]) {
      const input = BACK ? filled(matrices, joined(held)) : filled(tensors, joined(values));
      const result = poisoned(BACK ? tensors : matrices);
      await run([
        dispatch(kernels.groupPoints, {
          constants: { WORKGROUP: 64, AXES: points.length, BACK },
          problems: [0, 1].map(i => ({
            slots: shape[0],
            blocks: shape[1],
            tensor: tensors.parts[i].offset,
            tensorStride: tensors.parts[i].stride,
            grouped: matrices.parts[i].offset,
            groupedStride: matrices.parts[i].stride,
            axes: points.map((count, d) => ({ points: count, block: block[d] })),
          })),
          buffers: { input: input.storage, result: result.storage },
          workgroups: BACK ? [Math.ceil(sizeOf(shape) / 64), 1, 2] : [1, Math.ceil(sizeOf(shape) / 64), 2],
        }),
      ]);
      const expected = BACK
        ? held.map(one => ungroupTwin(one, points, block))
        : values.map(one => groupTwin(one, points, block));
      requireClose(`${points} in ${block}, ${BACK}`, await contentOf(result), joined(expected), {});
    }
  }
});

test('groupPoints: what is grouped and ungrouped is what it was; blocks and tensors that do not fit are refused', async () => {
  const points = [5, 7];
  const values = randoms(70);
  const tensors = engine.stack([points, points], values);
  const plan = await engine.compile(graph => {
    const attributes = { grid: points, block: [3, 2] };
    return { same: ungroupPoints(groupPoints(graph.read(tensors), attributes), attributes) };
  });
  await plan.run();
  requireClose('the same', await plan.outputs.same.read(), values, {});
  const refused = (attributes: { grid: Shape; block: Shape }, message: RegExp) =>
    requireThrows(
      `${message}`,
      () => engine.compile(graph => ({ x: groupPoints(graph.read(tensors), attributes) })),
      'InputError',
      message,
    );
  await refused(
    { grid: points, block: [6, 1] },
    /^groupPoints: blocks of \(6, 1\) points on a grid of \(5, 7\): give 1 to its/,
  );
  await refused({ grid: points, block: [2] }, /^groupPoints: blocks of \(2\) points on a grid of \(5, 7\)/);
  await refused(
    { grid: [7, 5], block: [1, 1] },
    /^groupPoints: takes a value of shape \[\(7, 5\), \(7, 5\)\], got \[\(5, 7\), \(5, 7\)\]/,
  );
});

const network = architecture({ width: 8, omega: 4 });
const models: Readonly<Record<string, Model>> = {
  'a CP model on a grid': defineModel({
    domain: grid([6, 5]),
    contraction: cp({ rank: 4, scale: 0.8 }),
    members: 2,
    network,
  }),
  'a CP model on scattered points': defineModel({
    domain: scatteredPoints({ axes: 3, coordinates: randoms(69) }),
    contraction: cp({ rank: 3 }),
    network,
  }),
  'an MLP on a grid': defineModel({ domain: grid([4, 7]), contraction: jointNetwork(), members: 2, network }),
  'an MLP on scattered points': defineModel({
    domain: scatteredPoints({ axes: 2, coordinates: randoms(62) }),
    contraction: jointNetwork(),
    network,
  }),
};

/** What a model needs to be differentiated, with the float64 twin of its value and its Jacobian at any points. */
async function problemOf(model: Model) {
  const { axes } = model.domain;
  const points = sizeOf(outputShape(model));
  const x = coordinatesOf(model.domain).map(Math.fround);
  const parameters = randoms(parameterCount(model));
  const y = randoms(model.members * points);
  const own = (all: Float64Array, member: number) => {
    const size = all.length / model.members;
    return all.slice(member * size, (member + 1) * size);
  };
  const { name, products: rank = 0, settings } = model.contraction;
  const isJoint = name === 'joint-network';
  const shape = { axes, rank, scale: Number(settings.scale), network: twinArchitecture(model.network) };
  const value = (member: number) =>
    isJoint
      ? mlp(own(parameters, member), x, shape)
      : cpPoints(cpFactors(own(parameters, member), x, shape), points, rank, shape.scale);
  const jacobian = (member: number, at: Float64Array) =>
    isJoint ? mlpJacobian(own(parameters, member), at, shape) : cpJacobian(own(parameters, member), at, shape);
  return {
    x,
    axes,
    points,
    y,
    cotangent: (member: number) => value(member).map((z, i) => z - own(y, member)[i]),
    jacobian,
    input: await networkInput(engine, model),
    held: engine.stack(modelParameterShapes(model), parameters),
    target: engine.stack(outputShapes(model), y),
  };
}

/** The gradient as the engine has it with a preconditioner that is fresh. */
async function gradientWith(
  model: Model,
  problem: Awaited<ReturnType<typeof problemOf>>,
  preconditioner: Preconditioner,
): Promise<Float32Array> {
  const scope = new Scope();
  const state = await preconditioner.start(engine, scope, model);
  const plan = await engine.compile(graph => {
    const parameters = graph.read(problem.held);
    const pass = forward(graph, model, parameters, problem.input);
    const goal = squaredError().goal(pass.output, graph.read(problem.target));
    return { gradient: gradientOf(goal, pass.output, parameters, state.refreshed?.(graph, pass, { cold: true })) };
  });
  await plan.run();
  const gradient = await plan.outputs.gradient.read();
  plan.dispose();
  scope.dispose();
  return gradient;
}

/** S by its definition from the NTK at points X. */
function explicitS(gradients: readonly Float64Array[], k: number): Float64Array {
  return preconditionerOf(gramOf(gradients), gradients.length, k);
}

for (const [name, model] of Object.entries(models)) {
  test(`on ${name}: the MSK gradient is J^T S G with S explicit in float64; with k = 1 it is the plain one`, async () => {
    const problem = await problemOf(model);
    const { points, x } = problem;
    for (const topK of [1, 4]) {
      const gradient = await gradientWith(model, problem, msk({ topK }));
      const expected = Array.from({ length: model.members }, (_, member) => {
        const j = problem.jacobian(member, x);
        const g = problem.cotangent(member);
        const s = explicitS(j, topK);
        const p = g.map((own, i) =>
          topK === 1 ? own : g.reduce((sum, value, u) => sum + s[i * points + u] * value, 0),
        );
        return j[0].map((_unused, at) => p.reduce((sum, value, i) => sum + value * j[i][at], 0));
      });
      requireNorm(
        `k = ${topK}`,
        gradient,
        expected.flatMap(one => [...one]),
        2e-5,
      );
    }
    const ofGroupsOfOne = await gradientWith(model, problem, iga({ group: 1, topK: 4 }));
    const gradient = await gradientWith(model, problem, msk({ topK: 4 }));
    requireClose('IGA in groups of one point', ofGroupsOfOne, gradient, {});
  });

  test(`on ${name}: the IGA gradient, in groups that do not divide the points, is that of the small S of the samples`, async () => {
    const problem = await problemOf(model);
    const { x, axes } = problem;
    const shape = outputShape(model);
    const block = shape.length === 1 ? [4] : [2, 3];
    const options = { group: block, topK: 3, seed: 7 };
    const gradient = await gradientWith(model, problem, iga(options));
    const grouping = groupingOf('iga', model, { ...options, remedy: '' }, engine.device);
    const samples = samplesOf(grouping, new Random(options.seed));
    const flat = samples.map(at => at.reduce((index, i, d) => index * shape[d] + i, 0));
    const indices = groupedIndices(shape, block);
    flat.forEach((sample, group) => {
      const own = indices.filter((_, at) => at % flat.length === group);
      require(`sample ${sample} of group ${group}`, own.includes(sample));
    });
    require('samples are not all the first of their groups', flat.some((sample, i) => sample !== indices[i]));
    const expected = Array.from({ length: model.members }, (_, member) => {
      const at = Float64Array.from(flat.flatMap(i => [...x.slice(i * axes, (i + 1) * axes)]));
      const s = explicitS(problem.jacobian(member, at), 3);
      const n = flat.length;
      const g = groupTwin(problem.cotangent(member), shape, block);
      const p = g.map((_unused, place) => {
        const [slot, i] = [Math.floor(place / n), place % n];
        return Array.from({ length: n }, (__, u) => s[i * n + u] * g[slot * n + u]).reduce((a, b) => a + b, 0);
      });
      const j = problem.jacobian(member, x);
      return ungroupTwin(p, shape, block).reduce(
        (sum, value, i) => sum.map((total, c) => total + value * j[i][c]),
        new Float64Array(j[0].length),
      );
    });
    requireNorm(
      'gradient',
      gradient,
      expected.flatMap(one => [...one]),
      2e-5,
    );
  });
}

const imagePoints = [16, 16];
/** Waves and a disc with a sharp edge. */
const image = Float64Array.from({ length: sizeOf(imagePoints) }, (_, i) => {
  const [x, y] = [Math.floor(i / 16) / 16, (i % 16) / 16];
  const disc = Math.hypot(x - 0.4, y - 0.6) < 0.25 ? 0.25 : 0;
  return 0.5 + 0.25 * Math.sin(9 * x + 4 * y) * Math.cos(11 * y) + disc;
});
const siren = defineModel({
  domain: grid(imagePoints),
  contraction: jointNetwork(),
  network: architecture({ width: 32 }),
});
const trainer = (options: Partial<TrainerOptions>) =>
  Trainer.create(engine, { model: siren, target: image, optimiser: adam({ learningRate: 1e-3 }), ...options });

test('training: after 100 steps of a sine MLP on 256 points, MSK and IGA in groups of 4 have less than half of the plain loss', async () => {
  for (const seed of [0, 1]) {
    const lossWith = async (preconditioner?: Preconditioner) => {
      const one = await trainer({ seed, ...(preconditioner && { preconditioner }) });
      const losses = await one.advance(100);
      const spectra = await one.spectra();
      one.dispose();
      return { loss: losses[99], spectra };
    };
    const plain = await lossWith();
    for (const preconditioner of [msk({ topK: 10 }), iga({ topK: 10, group: 2 })]) {
      const { loss, spectra } = await lossWith(preconditioner);
      require(`${preconditioner.name}: ${loss} against ${plain.loss}`, loss < plain.loss / 2);
      requireEqual(
        'pairs used',
        spectra?.map(({ used }) => used),
        [10],
      );
    }
  }
});

test('training: masked points are not trained on, and MSK lowers the loss of the others', async () => {
  const target = image.map((value, i) => (i % 5 === 2 ? Number.NaN : value));
  const one = await trainer({ target, preconditioner: msk({ topK: 10 }) });
  const losses = await one.advance(60);
  require(`from ${losses[0]} to ${losses[59]}`, losses[59] < losses[0] / 100);
  const output = await one.render();
  const expected = output.reduce((sum, z, i) => (Number.isNaN(target[i]) ? sum : sum + (z - image[i]) ** 2 / 2), 0);
  requireClose('loss', [(await one.evaluate()).training], [expected], { relative: 1e-4 });
  one.dispose();
});

test('a file goes on exactly with IGA, and another preconditioner does not take its eigenvectors', async () => {
  const options: IgaOptions = { topK: 6, group: [4, 3], seed: 3, refresh: 4 };
  const first = await trainer({ preconditioner: iga(options) });
  await first.advance(6);
  const path = join(folder, 'iga.safetensors');
  await writeModel(path, { model: siren, state: await first.state(), training: {} });
  const { state } = await readModel(path);
  requireEqual('name', state.preconditioner?.name, 'iga 4x3 seed 3');
  const again = await trainer({ preconditioner: iga(options), seed: 5 });
  again.restore(state);
  const expected = await first.advance(7);
  requireClose('losses', await again.advance(7), expected, {});
  const [there, here] = [await first.state(), await again.state()];
  requireClose('parameters', here.parameters, there.parameters, {});
  // As many eigenvectors of as many points, but of others: from the same state, with its own S, it goes elsewhere.
  const other = await trainer({ preconditioner: iga({ ...options, seed: 4 }) });
  other.restore(state);
  const losses = await other.advance(7);
  require('the other preconditioner took them up', losses[2] !== expected[2]);
  requireEqual('its name', (await other.state()).preconditioner?.name, 'iga 4x3 seed 4');
  for (const one of [first, again, other]) one.dispose();
});

test('a rival that does not fit the model, the grid or the device is refused in one line, before anything is allocated', async () => {
  const refused = async (model: Model, preconditioner: () => Preconditioner, message: RegExp) => {
    const before = engine.memory.bytes;
    const start = async () => preconditioner().start(engine, new Scope(), model);
    await requireThrows(`${message}`, start, 'InputError', message);
    requireEqual(`${message}: memory`, engine.memory.bytes, before);
  };
  const mlpOf = (...points: number[]) => defineModel({ domain: grid(points), contraction: jointNetwork(), network });
  const group =
    (points: number | readonly number[], topK = 2) =>
    () =>
      iga({ topK, group: points });
  const byMsk = () => msk({ topK: 2 });
  const domain = grid([5, 5]);
  const tt = defineModel({ domain, contraction: tensorTrain({ ranks: 2 }), network });
  const ofTucker = defineModel({ domain, contraction: tucker({ ranks: 2 }), network });
  await refused(
    tt,
    byMsk,
    /^msk: a tensor-train contraction has no form on scattered points: use cp or jointNetwork, or seppgd$/,
  );
  await refused(ofTucker, group(2), /^iga: a tucker contraction has no form on scattered points: use cp/);
  const shared = defineModel({ domain, contraction: cp({ rank: 3 }), readout: mixing({ outputs: 3 }), network });
  await refused(shared, byMsk, /^msk: is for one output per point, and this model has 3: use members$/);
  await refused(
    mlpOf(5, 5),
    () => sepPgd({ topK: 2 }),
    /^seppgd: a joint-network contraction has no factor network for each axis: use msk or iga$/,
  );
  await refused(mlpOf(5, 5), () => msk({ topK: 26 }), /^topK: 26: use a whole number from 1 to 25$/);
  await refused(mlpOf(5, 5), group([3, 2], 7), /^topK: 7: use a whole number from 1 to 6$/);
  await refused(mlpOf(5, 5), group(0), /^group: 0: use a whole number from 1 to/);
  await refused(mlpOf(5, 5), group(1.5), /^group: 1.5: use a whole number from 1 to/);
  await refused(mlpOf(5, 5), group([1, 6]), /^group: 6: use a whole number from 1 to 5$/);
  await refused(
    mlpOf(5, 5),
    group([2, 2, 2]),
    /^group: 2 x 2 x 2 for points on 2 axes: give one number, or one per axis$/,
  );
  const scattered = (points: number, members: number) =>
    defineModel({ domain: scatteredPoints({ points, axes: 2 }), contraction: jointNetwork(), members, network });
  const large = mlpOf(1024, 1024);
  const { device } = engine;
  Object.defineProperty(device, 'mostBindingBytes', { value: 128 * 2 ** 20, configurable: true });
  try {
    const most = groupingOf('msk', scattered(5792, 1), { topK: 2, group: 1, remedy: '' }, device);
    requireEqual('most', most.samples, 5792);
    for (const [points, members, bound] of [
      [5793, 1, 5792],
      [5792, 3, 3344],
    ]) {
      const message = new RegExp(
        `^msk: a tangent kernel of ${points} points for each of ${members} members takes \\d+ bytes, and the adapter binds at most 134217728, that is ${bound} points: use fewer, or iga$`,
      );
      await refused(scattered(points, members), byMsk, message);
    }
    requireEqual('groups', groupingOf('iga', large, { topK: 2, group: 16, remedy: '' }, device).samples, 4096);
    await refused(large, group(8), /^iga: a tangent kernel of 16384 points .*: use larger groups$/);
  } finally {
    Reflect.deleteProperty(device, 'mostBindingBytes');
  }
  await requireThrows(
    'slabs',
    () =>
      Trainer.create(engine, {
        model: defineModel({ domain: grid([8, 8]), contraction: cp({ rank: 2 }), network }),
        target: new Float32Array(64),
        optimiser: adam({ learningRate: 1e-3 }),
        preconditioner: byMsk(),
        slabBytes: 64,
      }),
    'InputError',
    /^msk: takes the whole output at once: in slabs use sepPgd or none$/,
  );
});
