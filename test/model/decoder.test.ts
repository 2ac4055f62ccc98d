/** Decoders: their output and VJP through the contraction, initial values, what is refused, training, files. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sizeOf } from '../../src/buffer/layout.js';
import type { Graph } from '../../src/graph/operation.js';
import { decodeSafetensors } from '../../src/io/model/safetensors.js';
import { type Activation, relu, sine } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { describeModel } from '../../src/model/codec.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { grid } from '../../src/model/domain/grid.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { slabsOf } from '../../src/model/fits.js';
import { outputOf } from '../../src/model/forward.js';
import { defineModel, initialParameters, ownParameterShapes } from '../../src/model/model.js';
import { parametersOf } from '../../src/model/parameters.js';
import { type DecoderOptions, decoder } from '../../src/model/readout/decoder.js';
import { vjp } from '../../src/ops/vjp.js';
import { adam } from '../../src/optimiser/adam.js';
import { matricesAmong } from '../../src/optimiser/besideRest.js';
import { muon } from '../../src/optimiser/muon.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { type Arrays, differenceVjp } from '../helpers/difference.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { requireGoesOn, smooth } from '../helpers/training.js';
import { indices } from '../reference/host/grid.js';
import { activation } from '../reference/network/activation.js';

const test = suite('decoder');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-decoder-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));
const network = architecture({ width: 9, omega: 3 });

const decoded = (points: readonly number[], rank: number, options: DecoderOptions, members = 1) =>
  defineModel({
    domain: grid(points),
    contraction: cp({ rank, scale: 0.8 }),
    readout: decoder(options),
    members,
    network,
  });

/** Z point by point, by its definition: factor matrices, then both layers, of one member; as it lies on the device. */
function decoderTwin(
  [first, second, ...factors]: Arrays,
  points: readonly number[],
  rank: number,
  name: 'relu' | 'sine',
): Float64Array {
  const hidden = first.length / (rank + 1);
  const outputs = second.length / (hidden + 1);
  return Float64Array.from(indices([points[0], outputs, ...points.slice(1)]), ([i, o, ...others]) => {
    const index = [i, ...others];
    const product = (r: number) => index.reduce((p, at, axis) => p * factors[axis][at * rank + r], 0.8);
    let z = second[o * (hidden + 1) + hidden];
    for (let h = 0; h < hidden; h++) {
      let x = first[h * (rank + 1) + rank];
      for (let r = 0; r < rank; r++) x += first[h * (rank + 1) + r] * product(r);
      z += second[o * (hidden + 1) + h] * activation(name, 1, x);
    }
    return z;
  });
}

test('output and VJP are those of a decoder point by point and of central differences, for two and three axes, one output and three, members too', async () => {
  for (const { points, rank, hidden, outputs, name, members } of [
    { points: [5, 7], rank: 6, hidden: 9, outputs: 3, name: 'relu', members: 2 },
    { points: [6, 5], rank: 3, hidden: 5, outputs: 1, name: 'sine', members: 1 },
    { points: [3, 4, 5], rank: 5, hidden: 6, outputs: 3, name: 'sine', members: 1 },
    { points: [2, 3, 2], rank: 2, hidden: 3, outputs: 1, name: 'relu', members: 2 },
  ] as const) {
    const kind = name === 'relu' ? relu : sine;
    const model = decoded(points, rank, { hidden, outputs, activation: kind }, members);
    const each = Array.from({ length: members }, () => ({
      layers: ownParameterShapes(model)
        .slice(0, 2)
        .map(shape => randoms(sizeOf(shape))),
      factors: points.map(n => randoms(n * rank)),
      cotangent: randoms(sizeOf(points) * outputs),
    }));
    const flat = (arrays: Arrays) => Float32Array.from(arrays.flatMap(values => [...values]));
    const factors = engine.stack(
      each.flatMap(() => points.map(n => [n, rank])),
      flat(each.flatMap(one => one.factors)),
    );
    const layers = engine.stack(ownParameterShapes(model), flat(each.flatMap(one => one.layers)));
    const outputShape = outputs === 1 ? points : [points[0], outputs, ...points.slice(1)];
    const seed = engine.stack(
      each.map(() => outputShape),
      flat(each.map(one => one.cotangent)),
    );
    const plan = await engine.compile((graph: Graph) => {
      const inputs = [graph.read(layers), graph.read(factors)];
      const output = outputOf(model, inputs[1], { readout: inputs[0] });
      const [ofLayers, ofFactors] = vjp(output, graph.read(seed), inputs);
      return { output, ofLayers, ofFactors };
    });
    await plan.run();
    const what = `${points} ${name} ${outputs}`;
    const twin = (inputs: Arrays) => decoderTwin(inputs, points, rank, name);
    const outputTwin = each.map(one => twin([...one.layers, ...one.factors]));
    requireNorm(`output ${what}`, await plan.outputs.output.read(), flat(outputTwin), 1e-6);
    const gradients = each.map(one => differenceVjp(twin, [...one.layers, ...one.factors], one.cotangent));
    requireNorm(
      `layers ${what}`,
      await plan.outputs.ofLayers.read(),
      flat(gradients.flatMap(g => g.slice(0, 2))),
      1e-6,
    );
    requireNorm(`factors ${what}`, await plan.outputs.ofFactors.read(), flat(gradients.flatMap(g => g.slice(2))), 1e-6);
    plan.dispose();
    for (const tensor of [factors, layers, seed]) tensor.dispose();
  }
});

test('its layers stand behind the networks by their names, biases begin at 0, and Muon takes their W', () => {
  const model = decoded([4, 5], 70, { hidden: 30, outputs: 3 }, 2);
  requireEqual(
    'readout',
    parametersOf(model)
      .filter(({ owner }) => owner === 'readout')
      .map(({ name, shape, place }) => [name, shape, place?.layer]),
    [
      ['member0.decoder.layer0', [30, 71], 0],
      ['member0.decoder.layer1', [3, 31], 1],
      ['member1.decoder.layer0', [30, 71], 0],
      ['member1.decoder.layer1', [3, 31], 1],
    ],
  );
  const own = 30 * 71;
  const first = initialParameters(model, 3).slice(-2 * (own + 93), -(own + 93) - 93);
  const isBias = (_: number, at: number) => at % 71 === 70;
  require('biases', first.filter(isBias).every(b => b === 0));
  requireEqual('matrices of Muon', matricesAmong(parametersOf(model)), [1, 2, 4, 5, 7, 8, 10, 11, 12, 14]);
});

test('hidden weights begin with a variance of 2 to their inputs, the last with a twelfth, phases of a periodic activation with 1', () => {
  const [rank, hidden] = [60, 50];
  const layersOf = (activation: Activation) =>
    initialParameters(decoded([4, 5], rank, { hidden, outputs: 7, activation }), 5).slice(-(hidden * 61 + 7 * 51));
  const layers = layersOf(relu);
  for (const [layer, inputs, expected] of [
    [layers.slice(0, hidden * 61), rank, 2],
    [layers.slice(hidden * 61), hidden, 1 / 12],
  ] as const) {
    const weights = layer.filter((_, at) => at % (inputs + 1) !== inputs);
    const variance = weights.reduce((sum, w) => sum + w * w, 0) / weights.length;
    // As of the mixing matrix: five deviations of the mean are allowed.
    const most = (5 * 3 * Math.sqrt(4 / 45)) / Math.sqrt(weights.length);
    requireClose(`${inputs} inputs`, [(variance * inputs) / expected], [1], { absolute: most });
    require('bounded', weights.every(w => Math.abs(w) <= Math.sqrt((3 * expected) / inputs)));
  }
  const begun = initialParameters(decoded([4, 5], rank, { hidden, outputs: 2, bias: [0.25, -3] }), 5).slice(-102);
  requireEqual('bias', [begun[50], begun[101]], [0.25, -3]);
  const phases = layersOf(sine)
    .slice(0, hidden * 61)
    .filter((_, at) => at % 61 === 60);
  const variance = phases.reduce((sum, b) => sum + b * b, 0) / hidden;
  requireClose('phases', [variance], [1], { absolute: (5 * Math.sqrt(4 / 5)) / Math.sqrt(hidden) });
  require('bounded', phases.every(b => Math.abs(b) <= Math.sqrt(3)));
});

test('what is out of range is refused in one line, and so are scattered points and contractions without products', async () => {
  const untyped = (value: unknown) => value as never;
  for (const [options, message] of [
    [{ hidden: 0 }, /^hidden: 0: use a whole number from 1 to 4096$/],
    [{ hidden: 4, outputs: 2, bias: [1] }, /^bias: 1 numbers for 2 outputs: give one for each, or leave it out$/],
    [{ hidden: 4, bias: [Number.NaN] }, /^bias: NaN/],
    [{ hidden: 4, outputs: 0 }, /^outputs: 0: use a whole number from 1 to 4096$/],
    [
      { hidden: 4, activation: untyped('relu') },
      /^activation: "relu" is none: use relu, sine or another Activation of sepnn$/,
    ],
    [untyped({ hidden: 4, units: 3 }), /^decoder: option units is unknown: use hidden, outputs, activation, bias$/],
  ] as const) {
    await requireThrows(`${message}`, async () => decoder(options), 'InputError', message);
  }
  const [readout, scattered] = [decoder({ hidden: 4 }), scatteredPoints({ axes: 2, points: 5 })];
  const message = /^decoder: takes a contraction that sums products at each point: use cp on a grid$/;
  for (const given of [
    { domain: scattered, contraction: cp({ rank: 3 }) },
    { domain: grid([4, 4]), contraction: jointNetwork() },
  ]) {
    await requireThrows(
      given.contraction.name,
      () => defineModel({ ...given, readout, network }),
      'InputError',
      message,
    );
  }
});

test('decoders learn, plain and by SepPGD, one output and three, of two and three axes, with Adam and Muon', async () => {
  const runs = [
    { points: [13, 9], options: { hidden: 16, outputs: 3 }, topK: 3, optimiser: muon({ learningRate: 1e-2 }) },
    { points: [6, 5, 7], options: { hidden: 12, activation: sine }, topK: 0, optimiser: adam({ learningRate: 3e-3 }) },
  ];
  for (const { points, options, topK, optimiser } of runs) {
    const trainer = await Trainer.create(engine, {
      model: { ...decoded(points, 8, options), network: architecture({ width: 16, omega: 3 }) },
      target: smooth(points, options.outputs ?? 1),
      optimiser,
      ...(topK > 0 && { preconditioner: sepPgd({ topK }) }),
    });
    const losses = await trainer.advance(60);
    require(`${points}, ${topK}: ${losses[0]} to ${losses[59]}`, losses[59] < 0.5 * losses[0]);
    trainer.dispose();
  }
});

test('in slabs, as the hidden units ask for them too, a decoder trains as it does whole, and SepPGD is refused there', async () => {
  const points = [9, 8];
  const model = decoded(points, 5, { hidden: 6, outputs: 3 });
  // One index of the first axis is 6 units of 8 numbers, and 3 outputs of as many.
  const rows = (bytes: number) => slabsOf(model, { mostBindingBytes: bytes }).map(([from, to]) => to - from);
  requireEqual('slabs', [rows(9 * 6 * 32), rows(3 * 6 * 32), rows(2 * 6 * 32)], [[9], [3, 3, 3], [2, 2, 2, 2, 1]]);
  const create = (more: Partial<TrainerOptions>) =>
    Trainer.create(engine, {
      model,
      target: smooth(points, 3),
      optimiser: adam({ learningRate: 1e-3 }),
      ...more,
    });
  const [whole, inSlabs] = [await create({}), await create({ slabBytes: 4 * 3 * 32 })];
  requireNorm('losses', await inSlabs.advance(5), await whole.advance(5), 1e-5);
  requireNorm('output', await inSlabs.render(), await whole.render(), 1e-4);
  await requireThrows(
    'SepPGD',
    () => create({ slabBytes: 4 * 3 * 32, preconditioner: sepPgd({ topK: 2 }) }),
    'InputError',
    /^decoder: slabs are not preconditioned through it: use plain gradients$/,
  );
  for (const trainer of [whole, inSlabs]) trainer.dispose();
});

test('8 steps, saved to a file, and 7 more are 15 bit for bit; the file holds W and b, and evaluates to what is rendered, tiled or whole', async () => {
  const points = [9, 11];
  const model = decoded(points, 6, { hidden: 7, outputs: 3, activation: sine });
  const path = join(folder, 'model.safetensors');
  await requireGoesOn(path, model, smooth(points, 3), { absolute: 1e-6 });
  requireEqual('readout', describeModel(model).readout, {
    name: 'decoder',
    hidden: 7,
    outputs: 3,
    activation: 'sine',
  } as never);
  const { tensors } = decodeSafetensors('x', readFileSync(path));
  const shapes = ['layer0.weight', 'layer0.bias', 'layer1.weight', 'layer1.bias'].map(
    name => tensors.get(`member0.decoder.${name}`)?.shape,
  );
  requireEqual('tensors', shapes, [[7, 6], [7], [3, 7], [3]]);
});

test('an activation of a host’s own is described by no file without its codec', async () => {
  const own = { ...relu, name: 'own' };
  const model = decoded([4, 5], 3, { hidden: 2, activation: own });
  await requireThrows('no codec', async () => describeModel(model), 'InputError', /^activation: own is unknown/);
  requireEqual('with one', describeModel(model, { activations: { own } }).readout.activation, 'own');
});
