/** Training that a host drives on its device: targets that lie there, steps in its encoder, parameters where they are. */

import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { forward, networkInput } from '../../src/model/forward.js';
import { defineModel, outputShapes } from '../../src/model/model.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { packedCopy } from '../../src/public/index.js';
import { TangentTrainer } from '../../src/train/tangentTrainer.js';
import type { Target } from '../../src/train/target.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import { require, requireBits, requireEqual, requireThrows } from '../helpers/compare.js';
import { device, engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('training on the device of a host');

const model = defineModel({
  domain: grid([11, 7]),
  contraction: cp({ rank: 5 }),
  network: architecture({ width: 6 }),
  members: 2,
});
const target = Float32Array.from(randoms(2 * 77));
const options: TrainerOptions = {
  model,
  target,
  optimiser: adam({ learningRate: step => 1e-2 / (1 + step) }),
};
const preconditioned = { ...options, preconditioner: sepPgd({ topK: 3, refresh: 4 }) };
const shapes = outputShapes(model);

function hostBuffer(values: Float32Array): GPUBuffer {
  const buffer = device.gpu.createBuffer({ label: 'of the host', size: values.byteLength, usage: 0x80 | 0x4 | 0x8 });
  device.gpu.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
  return buffer;
}

/** What ten steps give. */
async function trainedOn(more: Partial<TrainerOptions>) {
  const trainer = await Trainer.create(engine, { ...options, ...more });
  const losses = await trainer.advance(10);
  const { training } = await trainer.evaluate();
  const { parameters } = await trainer.state();
  trainer.dispose();
  return { losses, parameters, training };
}

test('a target may be a tensor, padded or packed, or a buffer of a host: the same bits, and it is left alone', async () => {
  const expected = await trainedOn({});
  const buffer = hostBuffer(target);
  const given = { padded: engine.stack(shapes, target), packed: engine.packed(shapes, target), buffer };
  for (const [name, one] of Object.entries(given)) {
    const { losses, parameters, training } = await trainedOn({ target: one });
    requireBits(`${name}: losses`, losses, expected.losses);
    requireBits(`${name}: parameters`, parameters, expected.parameters);
    requireEqual(`${name}: evaluation`, training, expected.training);
  }
  requireBits('the tensor lives', await given.padded.read(), target);
  requireBits('the buffer lives', await engine.wrapStack(buffer, shapes).read(), target);
});

test('so may the targets of a tangent trainer: tensors and buffers give the same bits as their numbers', async () => {
  const others = target.map(value => value - 1);
  const trained = async (values: Target, elsewhere: Target) => {
    const evaluations = { other: { domain: model.domain, values: elsewhere } };
    const trainer = await TangentTrainer.create(engine, {
      model,
      target: values,
      optimiser: options.optimiser,
      evaluations,
    });
    const [losses, { other }] = [await trainer.advance(5), await trainer.evaluate()];
    const weights = await trainer.weights();
    trainer.dispose();
    return { losses, weights, other };
  };
  const expected = await trained(target, others);
  const [padded, packed, buffer] = [engine.stack(shapes, target), engine.packed(shapes, others), hostBuffer(target)];
  for (const [name, one] of Object.entries({ padded, buffer })) {
    const { losses, weights, other } = await trained(one, packed);
    requireBits(`${name}: losses`, losses, expected.losses);
    requireBits(`${name}: weights`, weights, expected.weights);
    requireEqual(`${name}: evaluation`, other, expected.other);
  }
  requireBits('the tensor lives', await padded.read(), target);
  const wrong = { model, target: engine.tensor([3]), optimiser: options.optimiser };
  await requireThrows(
    'another shape',
    () => TangentTrainer.create(engine, wrong),
    'InputError',
    /^target: takes a value of shape/,
  );
});

test('what is written into a target on the device is trained on from then on', async () => {
  const other = target.map(value => value + 1);
  const place = engine.packed(shapes, target);
  const trainer = await Trainer.create(engine, {
    ...options,
    target: place,
    evaluations: { other: hostBuffer(other) },
  });
  const before = await trainer.evaluate();
  place.write(other);
  const after = await trainer.evaluate();
  requireEqual('training', after.training, before.other);
  require('it was another', before.training !== before.other);
  trainer.dispose();
});

test('a target on the device that does not fit is refused: its shape, its size, slabs', async () => {
  const create = (more: Partial<TrainerOptions>) => Trainer.create(engine, { ...options, ...more });
  const before = engine.memory.buffers;
  const wrong = engine.tensor([11, 7]);
  const expected = /^target: takes a value of shape \[\(11, 7\), \(11, 7\)\], got \(11, 7\)$/;
  await requireThrows('shape', () => create({ target: wrong }), 'InputError', expected);
  const gone = engine.stack(shapes);
  for (const tensor of [wrong, gone]) tensor.dispose();
  await requireThrows('disposed', () => create({ target: gone }), 'InputError', /disposed/);
  const small = hostBuffer(target.subarray(1));
  await requireThrows('size', () => create({ target: small }), 'InputError', /'of the host' has 612 bytes, and shape/);
  const inSlabs = () => create({ target: hostBuffer(target), slabBytes: 4 * 7 * 4 });
  await requireThrows('slabs', inSlabs, 'InputError', /slabs do not take: give numbers/);
  requireEqual('buffers', engine.memory.buffers, before);
});

for (const [name, more] of Object.entries({ 'the whole domain': {}, slabs: { slabBytes: 4 * 7 * 4 } })) {
  test(`steps that a host encodes and submits have the bits of advance, on ${name}`, async () => {
    const [ours, hosts] = [
      await Trainer.create(engine, { ...preconditioned, ...more }),
      await Trainer.create(engine, { ...preconditioned, ...more }),
    ];
    const expected = [...(await ours.advance(3)), ...(await ours.advance(9))];
    const encoder = device.gpu.createCommandEncoder();
    hosts.encode(encoder);
    const pass = encoder.beginComputePass();
    hosts.encode(pass, { steps: 2 });
    pass.end();
    hosts.encode(encoder, { steps: 3 });
    device.gpu.queue.submit([encoder.finish()]);
    requireEqual('step', hosts.step, 6);
    requireBits('six', await hosts.losses(6), Float32Array.from(expected.slice(0, 6)));
    const second = device.gpu.createCommandEncoder();
    hosts.encode(second, { steps: 6 });
    device.gpu.queue.submit([second.finish()]);
    requireBits('twelve', await hosts.losses(12), Float32Array.from(expected));
    requireBits('parameters', (await hosts.state()).parameters, (await ours.state()).parameters);
    requireBits('and on', await hosts.advance(5), await ours.advance(5));
    requireBits('as one', await hosts.losses(5), await ours.losses(5));
    for (const trainer of [ours, hosts]) trainer.dispose();
  });
}

test('steps are not encoded while a call is under way, after the end, in no number, or where targets come slab by slab', async () => {
  const trainer = await Trainer.create(engine, options);
  const encoder = device.gpu.createCommandEncoder();
  const running = trainer.advance(2);
  await requireThrows(
    'busy',
    () => trainer.encode(encoder),
    'InputError',
    /^encode: a call of the trainer is under way/,
  );
  await running;
  await requireThrows('steps', () => trainer.encode(encoder, { steps: 0 }), 'InputError', /^encode: steps: 0: use/);
  await requireThrows('losses', () => trainer.losses(3), 'InputError', /^losses: 3: use a whole number from 1 to 2$/);
  trainer.dispose();
  await requireThrows('disposed', () => trainer.encode(encoder), 'InputError', /^the trainer has been disposed/);
  const fed = await Trainer.create(engine, { ...options, slabBytes: 4 * 7 * 4, targetBytes: 0 });
  await requireThrows(
    'fed',
    () => fed.encode(encoder),
    'InputError',
    /^encode: targets come slab by slab: raise targetBytes/,
  );
  requireEqual('step', fed.step, 0);
  fed.dispose();
});

test('parameters are within reach on the device, and an output is drawn into a buffer of the host from there', async () => {
  const trainer = await Trainer.create(engine, options);
  await trainer.advance(3);
  const { parameters } = await trainer.state();
  requireBits('in place', await trainer.parameterTensor.read(), parameters);
  const copy = await packedCopy(engine, trainer.parameterTensor);
  requireBits('packed', await engine.wrap(copy.buffer, [parameters.length]).read(), parameters);
  const drawn = hostBuffer(new Float32Array(2 * 77));
  const input = await networkInput(engine, model);
  const plan = await engine.compile(
    graph => ({ y: forward(graph, model, graph.read(trainer.parameterTensor), input).output }),
    { into: { y: drawn } },
  );
  for (let frame = 0; frame < 2; frame++) {
    const encoder = device.gpu.createCommandEncoder();
    trainer.encode(encoder, { steps: 2 });
    plan.encode(encoder);
    device.gpu.queue.submit([encoder.finish()]);
    requireBits(`frame ${frame}`, await plan.outputs.y.read(), await trainer.render());
  }
  for (const one of [plan, input, copy, trainer]) one.dispose();
});
