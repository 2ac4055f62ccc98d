/** One network of all coordinates, the plain MLP: value, gradients, training, files, and evaluation on other grids. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Shape, stackOf } from '../../src/buffer/layout.js';
import { writeWhole } from '../../src/io/files.js';
import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { encodeSafetensors } from '../../src/io/model/safetensors.js';
import { dispatch } from '../../src/kernel/dispatch.js';
import { tanh } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { describeModel } from '../../src/model/codec.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { coordinatesOf, type Domain } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { evaluate } from '../../src/model/evaluate.js';
import { forward, networkInput } from '../../src/model/forward.js';
import {
  defineModel,
  initialParameters,
  type Model,
  modelParameterShapes,
  onDomain,
  outputShapes,
} from '../../src/model/model.js';
import { onPoints, pointNtk } from '../../src/ntk/pointNtk.js';
import { reshape } from '../../src/ops/elementwise/reshape.js';
import { features } from '../../src/ops/network/features.js';
import { vjp } from '../../src/ops/vjp.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import * as kernels from '../../src/wgsl/elementwise.js';
import { twinArchitecture } from '../helpers/activations.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { differenceVjp } from '../helpers/difference.js';
import { contentOf, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { reshape as reshapeTwin } from '../reference/elementwise/reshape.js';
import { mlp, mlpJacobian, mlpParameterCount } from '../reference/network/mlp.js';
import { gramOf } from '../reference/tangent/ntk.js';

const test = suite('mlp');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-mlp-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

const reshapes: readonly (readonly [Shape, Shape])[] = [
  [[1, 1], [1]],
  [
    [35, 1],
    [5, 7],
  ],
  [[3, 4, 5], [60]],
  [
    [131, 6],
    [2, 393],
  ],
];

test('reshape: tensors of rows of every length in one dispatch match, in a line of workgroups and folded', async () => {
  const [from, to] = [0, 1].map(side => stackOf(reshapes.map(pair => pair[side])));
  const values = randoms(1 + 35 + 60 + 786);
  const input = filled(from, values);
  for (const [wide, high] of [
    [13, 1],
    [5, 3],
  ]) {
    const result = poisoned(to);
    await run([
      dispatch(kernels.reshape, {
        constants: { WORKGROUP: 64 },
        problems: from.parts.map((part, i) => ({
          count: part.shape.reduce((product, n) => product * n, 1),
          columns: part.shape.at(-1) ?? 1,
          input: part.offset,
          inputStride: part.stride,
          resultColumns: to.parts[i].shape.at(-1) ?? 1,
          result: to.parts[i].offset,
          resultStride: to.parts[i].stride,
        })),
        buffers: { input: input.storage, result: result.storage },
        workgroups: [wide, high, reshapes.length],
      }),
    ]);
    // The twin reads rows a stride apart: those of the packed values are as far apart as they are long.
    requireClose('numbers', await contentOf(result), reshapeTwin(values, values.length, 1, 1), {});
  }
});

test('reshape: its VJP reshapes back, and shapes of other numbers are refused', async () => {
  const x = engine.stack([
    [6, 1],
    [2, 2],
  ]);
  const g = randoms(10);
  const seed = engine.stack([[2, 3], [4]], g);
  const plan = await engine.compile(graph => {
    const at = graph.read(x);
    return { gradient: vjp(reshape(at, [[2, 3], [4]]), graph.read(seed), [at])[0] };
  });
  await plan.run();
  requireClose('gradient', await plan.outputs.gradient.read(), g, {});
  await requireThrows(
    'numbers',
    () => engine.compile(graph => ({ y: reshape(graph.read(x), [[2, 3], [5]]) })),
    'InputError',
    /^reshape: \[\(6, 1\), \(2, 2\)\] has not the numbers of \[\(2, 3\), \(5\)\]/,
  );
});

const models: readonly (readonly [string, Model])[] = [
  [
    'a 5 x 7 grid, two members',
    defineModel({
      domain: grid([5, 7]),
      contraction: jointNetwork({ scale: 0.6 }),
      network: architecture({ width: 9, omega: 3 }),
      members: 2,
    }),
  ],
  [
    'a 3 x 2 x 4 grid, Fourier features',
    defineModel({
      domain: grid([3, 2, 4]),
      contraction: jointNetwork(),
      network: architecture({ width: 6, activation: tanh, frequencies: [...randoms(9, 2)] }),
    }),
  ],
  [
    '31 scattered points',
    defineModel({
      domain: scatteredPoints({ axes: 3, coordinates: randoms(93) }),
      contraction: jointNetwork(),
      network: architecture({ width: 5, depth: 4, omega: 2 }),
      members: 2,
    }),
  ],
];

for (const [name, model] of models) {
  test(`on ${name}: output, VJP and NTK match float64`, async () => {
    const { axes } = model.domain;
    const { scale } = model.contraction.settings;
    const shape = { axes, scale: Number(scale), network: twinArchitecture(model.network) };
    const count = mlpParameterCount(shape);
    const x = coordinatesOf(model.domain).map(Math.fround);
    const points = x.length / axes;
    const parameters = randoms(model.members * count, 0.5);
    const members = Array.from({ length: model.members }, (_, i) => i);
    const own = (all: Float64Array, member: number) => all.slice(member * count, (member + 1) * count);
    const twin = ([all]: readonly Float64Array[]) =>
      Float64Array.from(members.flatMap(member => [...mlp(own(all, member), x, shape)]));
    const scattered = onPoints(model, x);
    const input = await networkInput(engine, model);
    const listed = await networkInput(engine, scattered);
    const held = engine.stack(modelParameterShapes(model), parameters);
    const cotangent = randoms(model.members * points);
    const seed = engine.stack(outputShapes(model), cotangent);
    const plan = await engine.compile(graph => {
      const at = graph.read(held);
      const { output } = forward(graph, model, at, input);
      const kernel = pointNtk(graph, scattered, at, listed);
      return { output, gradient: vjp(output, graph.read(seed), [at])[0], kernel };
    });
    await plan.run();
    requireNorm('output', await plan.outputs.output.read(), twin([parameters]), 3e-6);
    const [difference] = differenceVjp(twin, [parameters], cotangent);
    requireNorm('VJP', await plan.outputs.gradient.read(), difference, 1e-5);
    const kernels = members.flatMap(member => [...gramOf(mlpJacobian(own(parameters, member), x, shape))]);
    requireNorm('NTK', await plan.outputs.kernel.read(), kernels, 3e-6);
    plan.dispose();
  });
}

test('features: frequencies for points of other coordinates, and points of different ones, are refused', async () => {
  const [b, x] = [engine.tensor([4, 3]), engine.stack([[5, 2]])];
  const mixed = engine.stack([[5, 2], [5]]);
  await requireThrows(
    'frequencies',
    () => engine.compile(graph => ({ h: features(graph.read(x), graph.read(b)) })),
    'InputError',
    /^features: points of 2 coordinates take frequencies of shape \(m, 2\), got \(4, 3\)/,
  );
  await requireThrows(
    'points',
    () => engine.compile(graph => ({ h: features(graph.read(mixed)) })),
    'InputError',
    /^features: takes coordinates of shape \(n\), or \(n, D\) of one D, got \(5\)/,
  );
});

const target = (points: readonly number[]) =>
  Float64Array.from({ length: points.reduce((product, n) => product * n, 1) }, (_, i) => {
    const [x, y] = [Math.floor(i / points[1]) / points[0], (i % points[1]) / points[1]];
    return 0.5 + 0.4 * Math.sin(7 * x + 3 * y) * Math.cos(5 * y);
  });

test('training: the loss falls a hundredfold, on a grid and on the same points scattered alike, masked points left out', async () => {
  const points = [12, 10];
  const domain = grid(points);
  const model = defineModel({
    domain,
    contraction: jointNetwork(),
    network: architecture({ width: 32, omega: 10 }),
  });
  const y = target(points).map((value, i) => (i % 7 === 3 ? Number.NaN : value));
  const common = { target: y, optimiser: adam({ learningRate: 2e-3 }), seed: 5 };
  const onGrid = await Trainer.create(engine, { model, ...common });
  const scattered = onDomain(model, scatteredPoints({ axes: 2, coordinates: coordinatesOf(domain, [0, 1]) }));
  const onItsPoints = await Trainer.create(engine, { model: scattered, ...common });
  const losses = await onGrid.advance(150);
  requireClose('scattered', await onItsPoints.advance(150), losses, { relative: 1e-6 });
  require(`from ${losses[0]} to ${losses[149]}`, losses[149] < losses[0] / 100);
  const output = await onGrid.render();
  const expected = output.reduce((sum, z, i) => (Number.isNaN(y[i]) ? sum : sum + (z - y[i]) ** 2 / 2), 0);
  requireClose('loss', [(await onGrid.evaluate()).training], [expected], { relative: 1e-5 });
  onGrid.dispose();
  onItsPoints.dispose();
});

test('a file of an MLP with its state gives it back, and goes on to the same numbers; evaluate in tiles gives its render', async () => {
  const points = [9, 14];
  const model = defineModel({
    domain: grid(points),
    contraction: jointNetwork(),
    network: architecture({ width: 12, omega: 8, frequencies: [...randoms(6)] }),
  });
  const options = { model, target: target(points), optimiser: adam({ learningRate: 1e-3 }) };
  const trainer = await Trainer.create(engine, options);
  await trainer.advance(5);
  const path = join(folder, 'mlp.safetensors');
  await writeModel(path, { model, state: await trainer.state(), training: {} });
  const saved = await readModel(path);
  requireEqual('model', saved.model, model);
  requireEqual('description', describeModel(saved.model), describeModel(model));
  const other = await Trainer.create(engine, { ...options, model: saved.model, seed: 9 });
  other.restore(saved.state);
  requireClose('losses', await other.advance(4), await trainer.advance(4), {});
  const state = await trainer.state();
  const output = await trainer.render();
  for (const mostNumbers of [1e6, 20]) {
    const tiled = await evaluate(engine, model, state.parameters, undefined, { mostNumbers });
    requireClose(`tiles of ${mostNumbers}`, tiled, output, { absolute: 1e-6 });
  }
  const finer = await evaluate(engine, model, state.parameters, grid([linspace(3), linspace(2)]));
  requireEqual('another grid', finer.length, 6);
  trainer.dispose();
  other.dispose();
});

test('what makes no MLP is refused in one line, in a file too; SepPGD names its rivals', async () => {
  const network = architecture({ width: 4 });
  const refused = (domain: () => Domain, message: RegExp, of = network) =>
    requireThrows(
      `${message}`,
      () => defineModel({ domain: domain(), contraction: jointNetwork(), network: of }),
      'InputError',
      message,
    );
  await refused(() => grid([4]), /^grid: axes: 1: use a whole number from 2 to 6/);
  await refused(() => scatteredPoints({ points: 0, axes: 2 }), /^points: 0: use a whole number from 1/);
  await refused(() => scatteredPoints({ points: 5, axes: 7 }), /^axes: 7: use a whole number from 2 to 6/);
  await refused(
    () => grid([8192, 8192]),
    /^grid: 8192 x 8192 are 67108864 points for one network: use at most 16777216/,
  );
  await refused(
    () => grid([4, 4]),
    /^frequencies: 3 numbers for 2 coordinates per point: give \(m, 2\), row by row/,
    architecture({ width: 4, frequencies: [1, 2, 3] }),
  );
  await requireThrows(
    'seppgd',
    () =>
      Trainer.create(engine, {
        model: defineModel({ domain: grid([4, 4]), contraction: jointNetwork(), network }),
        target: new Float32Array(16),
        optimiser: adam({ learningRate: 1e-3 }),
        preconditioner: sepPgd({ topK: 2 }),
      }),
    'InputError',
    /^seppgd: a joint-network contraction has no factor network for each axis: use msk or iga$/,
  );
  const described = { ...network, activation: network.activation.name };
  const model = { kind: 'mlp', grid: [4, 4], channels: 1, scale: 1, network: described };
  const headers: readonly (readonly [object, RegExp])[] = [
    [{ ...model, grid: [4, 5], scattered: true }, /points: 4, 5 are no scattered points/],
    [{ ...model, scattered: 'yes' }, /scattered: "?yes"? is neither true nor false/],
    [{ ...model, grid: [4, 1e9] }, /grid: 1000000000: use a whole number/],
    [{ ...model, grid: [4096, 8192] }, /4096 x 8192 are 33554432 points/],
    [{ ...model, network: { ...described, frequencies: [1, 2, 3] } }, /frequencies: 3 numbers for 2 coordinates/],
    [{ ...model, channels: 4096 }, /describes a model of \d+ layers, and holds/],
  ];
  for (const [header, message] of headers) {
    const path = join(folder, 'bad.safetensors');
    const state = { version: 1, model: header, step: 1, training: {} };
    const tensors = new Map([['one', { shape: [1], data: new Float32Array(1) }]]);
    await writeWhole(path, encodeSafetensors({ tensors, metadata: { sepnn: JSON.stringify(state) } }));
    await requireThrows(JSON.stringify(header), () => readModel(path), 'InputError', message);
  }
});

test('initial parameters: the first layer of a sine MLP is U(-1, 1) / D, the others as in factor networks', () => {
  const model = defineModel({
    domain: scatteredPoints({ points: 4, axes: 3 }),
    contraction: jointNetwork(),
    network: architecture({ width: 200 }),
  });
  const values = initialParameters(model, 3);
  const weights = Float64Array.from({ length: 600 }, (_, i) => values[Math.floor(i / 3) * 4 + (i % 3)]);
  const most = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  require(`first layer to ${most}`, most <= 1 / 3 && most > 0.32);
  const hidden = values.slice(800, 800 + 200 * 201).filter((_, i) => i % 201 < 200);
  const widest = hidden.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const bound = Math.sqrt(6 / 200) / 30;
  require(`hidden layer to ${widest}`, widest <= bound && widest > 0.99 * bound);
});
