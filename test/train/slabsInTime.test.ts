/** Slabs by time: at 50 GFLOP/s no dispatch that grows with the slab is above 50 ms, and training in them is as on the whole grid. */

import { stackOf } from '../../src/buffer/layout.js';
import type { Dispatch } from '../../src/kernel/dispatch.js';
import { mostInDispatch } from '../../src/kernel/pace.js';
import { onPart, slabsOf } from '../../src/model/fits.js';
import { outputOf } from '../../src/model/forward.js';
import { factorShapes } from '../../src/model/model.js';
import { ownRegionsOf, ownShapes } from '../../src/model/parameters.js';
import { fill } from '../../src/ops/elementwise/fill.js';
import type { Range } from '../../src/ops/elementwise/pieces.js';
import { vjp } from '../../src/ops/vjp.js';
import {
  adam,
  architecture,
  cp,
  decoder,
  defineModel,
  grid,
  iga,
  type Model,
  mixing,
  sepPgd,
  squaredError,
  Trainer,
  tensorTrain,
  tucker,
} from '../../src/public/node.js';
import type { Training } from '../../src/train/gradient.js';
import { slabsInTime } from '../../src/train/slabsInTime.js';
import { require, requireBits, requireClose, requireEqual, requireNorm } from '../helpers/compare.js';
import { atRate, device, engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('slabs in time');

const network = architecture({ width: 64 });
const large: Record<string, Model> = {
  'a volume': defineModel({ domain: grid([512, 1024, 1024]), contraction: cp({ rank: 64 }), network }),
  'an image': defineModel({ domain: grid([4096, 4096]), contraction: cp({ rank: 500 }), network }),
  mixed: defineModel({
    domain: grid([2048, 2048]),
    contraction: cp({ rank: 256 }),
    network,
    members: 2,
    readout: mixing({ outputs: 3 }),
  }),
  decoded: defineModel({
    domain: grid([2048, 2048]),
    contraction: cp({ rank: 64 }),
    network,
    readout: decoder({ hidden: 32, outputs: 3 }),
  }),
  'a train': defineModel({ domain: grid([256, 512, 1024]), contraction: tensorTrain({ ranks: [16, 24] }), network }),
  Tucker: defineModel({ domain: grid([512, 512, 512]), contraction: tucker({ ranks: 32 }), network }),
};

/** What a training of nothing but plain gradients tells; nothing of it is allocated. */
const trainingOf = (model: Model): Training =>
  ({ engine, model, objective: squaredError(), targets: {} }) as unknown as Training;

/** What a slab's loss and cotangents dispatch, of no memory. */
function dispatchesOfSlab(model: Model, [from, to]: Range): Promise<Dispatch[]> {
  const [, ...others] = model.domain.shape;
  const there = onPart(model, [to - from, ...others]);
  return engine.dispatchesOf(graph => {
    const factors = fill(graph, stackOf(factorShapes(there)), 0);
    const own = ownRegionsOf(there).map(owner => [owner, fill(graph, stackOf(ownShapes(there, owner)), 0)] as const);
    const output = outputOf(there, factors, Object.fromEntries(own));
    const { loss } = squaredError().goal(output, fill(graph, output.layout, 0));
    const wanted = [factors, ...own.map(([, value]) => value)];
    return Object.fromEntries(vjp(loss, 1, wanted).map((value, i) => [`${i}`, value]));
  });
}

const phone = 5e10;

for (const [name, model] of Object.entries(large)) {
  test(`${name} at 50 GFLOP/s: slabs as high as 50 ms allow, and no dispatch of one above them`, async () => {
    const slabs = await atRate(phone, () => slabsInTime(trainingOf(model), slabsOf(model, device)));
    const points = model.domain.shape[0];
    requireEqual('all rows', [slabs[0][0], slabs.at(-1)?.[1]], [0, points]);
    const milliseconds = (of: readonly Dispatch[]) =>
      Math.max(...of.map(({ work }) => (1000 * work.operations) / phone));
    const took = milliseconds(await dispatchesOfSlab(model, slabs[0]));
    const height = slabs[0][1];
    require(`${slabs.length} slabs of ${height} rows: ${took} ms`, took <= 50 && slabs.length > 1);
    const higher = (took / height) * Math.ceil(points / (slabs.length - 1));
    const bound = slabsOf(model, device).length;
    require(`${slabs.length - 1} slabs: ${higher} ms`, higher > 50 || slabs.length === bound);
  });
}

test('a fast device has the slabs that memory asks for', async () => {
  const fitting = slabsOf(large['a volume'], device);
  requireEqual('slabs', await atRate(1e15, () => slabsInTime(trainingOf(large['a volume']), fitting)), fitting);
});

const model = defineModel({
  domain: grid([40, 9, 8]),
  contraction: cp({ rank: 5 }),
  network: architecture({ width: 8, omega: 5 }),
});
const options = { model, target: Float32Array.from(randoms(2880)), optimiser: adam({ learningRate: 1e-4 }) };
/** 20,000 operations in 50 ms: more than a layer of the networks has. */
const slow = 4e5;

for (const [combine, firstK] of [
  ['sum', 30], // slabs are lower than what is projected on
  ['product', 6],
] as const) {
  test(`${combine}: every dispatch of the plans made for a slow device is within its time, and they train as whole`, async () => {
    const preconditioner = sepPgd({ topK: [firstK, 6, 6], combine });
    const whole = await Trainer.create(engine, { ...options, preconditioner });
    const slabs = await atRate(slow, () => Trainer.create(engine, { ...options, preconditioner }));
    const plans = (of: Trainer) =>
      (of as unknown as { plans: { step: { plan: { dispatches: Dispatch[] } }[][] } }).plans.step[0].map(
        ({ plan }) => plan,
      );
    const longest = (of: Trainer) =>
      Math.max(...plans(of).flatMap(({ dispatches }) => dispatches.map(({ work }) => work.operations)));
    const most = mostInDispatch(1, slow);
    require('more than one slab', plans(slabs).length > 3 && plans(whole).length === 1);
    require(`${longest(slabs)} and ${longest(whole)} operations`, longest(slabs) <= most && longest(whole) > most);
    requireClose('losses', await slabs.advance(3), await whole.advance(3), { relative: 1e-5 });
    requireNorm('parameters', (await slabs.state()).parameters, (await whole.state()).parameters, 1e-4);
    for (const one of [slabs, whole]) one.dispose();
  });
}

test('what has no slabs is trained whole on a slow device too, and a processor whose rate nobody set cuts nothing', async () => {
  const inSlabs = (one: Trainer) => (one as unknown as { plans: { step: unknown[][] } }).plans.step[0].length;
  const plain = await Trainer.create(engine, options);
  const rival = { ...options, preconditioner: iga({ topK: 2, group: 8 }) };
  const [whole, still] = [await Trainer.create(engine, rival), await atRate(slow, () => Trainer.create(engine, rival))];
  requireEqual('iga', inSlabs(still), inSlabs(whole));
  const there = engine.packed([[40, 9, 8]], options.target);
  const onDevice = await atRate(slow, () => Trainer.create(engine, { ...options, target: there }));
  requireEqual('a target on the device', inSlabs(onDevice), inSlabs(plain));
  requireBits('its losses', await onDevice.advance(2), await plain.advance(2));
  for (const one of [plain, whole, still, onDevice, there]) one.dispose();
});

test('on a GPU of which nothing is known the rate is measured where it matters, and once', async () => {
  const { cpu } = device;
  Object.defineProperty(device, 'cpu', { value: false, configurable: true, writable: true });
  try {
    requireEqual(
      'a small model',
      [(await slabsInTime(trainingOf(model), [[0, 40]])).length, device.rate],
      [1, undefined],
    );
    // 5.4 GFLOP in a dispatch, more than a phone makes in its time: 16 rows of it are measured.
    const wide = defineModel({ domain: grid([32_768, 32, 32]), contraction: cp({ rank: 80 }), network });
    const slabs = await slabsInTime(trainingOf(wide), [[0, 32_768]]);
    const { rate } = device;
    require(`${rate} FLOP/s`, rate !== undefined && rate > 1e6 && rate < 1e15);
    const most = mostInDispatch(2 * 32 * 32 * 80, rate);
    require(`${slabs.length} slabs`, slabs[0][1] <= most && (slabs.length === 1) === most >= 32_768);
    requireEqual('the same again', await slabsInTime(trainingOf(wide), [[0, 32_768]]), slabs);
    requireEqual('not again', device.rate, rate);
  } finally {
    device.rate = undefined;
    Object.defineProperty(device, 'cpu', { value: cpu, configurable: true, writable: true });
  }
});
