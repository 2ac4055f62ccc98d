/** k by itself: the rule on spectra, what a trainer makes of it, and how a training with a k that was chosen goes on. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { probedTopK, probeSteps } from '../../src/precondition/topK.js';
import {
  type Activation,
  adam,
  architecture,
  chooseTopK,
  cp,
  defineModel,
  grid,
  relu,
  type SepPgdOptions,
  sepPgd,
  sine,
  Trainer,
  type TrainerOptions,
} from '../../src/public/index.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('topK');

/** A spectrum of which float32 resolves everything. */
function spectrum(count: number, of: (i: number) => number) {
  return { values: Float32Array.from({ length: count }, (_, i) => of(i)), resolved: count };
}

test('k is the number of eigenvalues of at least a thousandth of the first: exponential, polynomial, flat, with a step', () => {
  const chosen = (of: (i: number) => number, most = 96) => chooseTopK([spectrum(104, of)], [most])[0];
  requireEqual(
    '2^-i',
    chosen(i => 2 ** -i),
    10,
  );
  requireEqual(
    'i^-2',
    chosen(i => (i + 1) ** -2),
    31,
  );
  requireEqual(
    'i^-4',
    chosen(i => 1e9 * (i + 1) ** -4),
    5,
  );
  requireEqual(
    'flat',
    chosen(() => 3),
    96,
  );
  requireEqual(
    'a step',
    chosen(i => (i < 22 ? 1 : 1e-6)),
    22,
  );
  requireEqual(
    'at most',
    chosen(() => 3, 7),
    7,
  );
});

test('where the axes are combined by their product, k is the number of eigenvalues of at least a hundredth', () => {
  const halves = spectrum(30, i => 2 ** -i);
  requireEqual('product', chooseTopK([halves, halves], [30, 5], 'product'), [7, 5]);
  requireEqual('sum', chooseTopK([halves, halves], [30, 5], 'sum'), [10, 5]);
});

test('k does not depend on the scale of a spectrum', () => {
  for (const scale of [1e-30, 1, 1e30]) {
    requireEqual(`times ${scale}`, chooseTopK([spectrum(40, i => scale * 0.5 ** i)], [40]), [10]);
  }
});

test('an axis of one point, and spectra that are zero, negative or no numbers, take k = 1', () => {
  requireEqual('one point', chooseTopK([spectrum(1, () => 2)], [1]), [1]);
  for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const found = chooseTopK([spectrum(30, i => (i === 0 && value === -1 ? 1 : value))], [30]);
    requireEqual(`${value}`, found, value === Number.POSITIVE_INFINITY ? [30] : [1]);
  }
  requireEqual('ends before what is not positive', chooseTopK([spectrum(30, i => (i < 4 ? 1 : -1e-9))], [30]), [4]);
});

test('k is no more than float32 resolves, and no more than every network of its axis allows', () => {
  const steep = { values: Float32Array.from([1, 0.5, 0.4, 0.3]), resolved: 3 };
  requireEqual('resolved', chooseTopK([steep], [4]), [3]);
  // Two axes, three members: axis by axis, member by member.
  const flat = (count: number) => spectrum(12, i => (i < count ? 1 : 1e-9));
  requireEqual('members', chooseTopK([9, 4, 7, 12, 8, 5].map(flat), [12, 12]), [7, 4]);
});

const points = [40, 34];
const target = Float32Array.from({ length: points[0] * points[1] }, (_, i) => {
  const [x, y] = [Math.floor(i / points[1]) / points[0], (i % points[1]) / points[1]];
  return 0.5 + 0.3 * Math.sin(20 * x * x + 3 * y) * Math.cos(15 * y) + (x + y > 0.9 ? 0.2 : 0);
});

function optionsOf(activation: Activation, learningRate: number): TrainerOptions {
  const network = architecture({ width: 24, activation });
  const model = defineModel({ domain: grid(points), contraction: cp({ rank: 24 }), network });
  return { model, target, optimiser: adam({ learningRate }) };
}

const by = (options?: SepPgdOptions) => ({ preconditioner: sepPgd(options) });

test('auto takes the k that the spectra after its probe allow, trains as with that k to the bit, and keeps nothing of the probe', async () => {
  const options = optionsOf(relu, 1e-3);
  const before = engine.memory.bytes;
  const probe = await Trainer.create(engine, { ...options, ...by({ topK: probedTopK(points) }) });
  await probe.advance(probeSteps);
  await probe.timeRefresh();
  const expected = chooseTopK((await probe.spectra()) ?? [], probedTopK(points));
  probe.dispose();
  const auto = await Trainer.create(engine, { ...options, ...by() });
  requireEqual('chosen', auto.preconditioner?.topK, expected);
  const same = await Trainer.create(engine, { ...options, ...by({ topK: expected }) });
  requireClose('losses', await auto.advance(30), await same.advance(30), {});
  for (const trainer of [auto, same]) trainer.dispose();
  requireEqual('memory left behind', engine.memory.bytes, before);
});

test('auto ends below plain gradients for sine and ReLU networks, of which it gives sine the larger k; all of k breaks ReLU', async () => {
  const lossAfter = async (options: TrainerOptions) => {
    const trainer = await Trainer.create(engine, options);
    await trainer.advance(100);
    const [{ training }, topK] = [await trainer.evaluate(), trainer.preconditioner?.topK ?? []];
    trainer.dispose();
    return { training, topK };
  };
  const [ofSine, ofRelu] = [optionsOf(sine, 1e-4), optionsOf(relu, 1e-3)];
  const chosen: (readonly number[])[] = [];
  for (const options of [ofSine, ofRelu]) {
    const [plain, auto] = [await lossAfter(options), await lossAfter({ ...options, ...by({ topK: 'auto' }) })];
    require(`${auto.training} of ${auto.topK} against ${plain.training}`, auto.training < plain.training);
    chosen.push(auto.topK);
    if (options === ofRelu) {
      const { training } = await lossAfter({ ...ofRelu, ...by({ topK: points }) });
      require(`${training} of all against ${plain.training}`, !(training < plain.training));
    }
  }
  points.forEach((_, axis) => {
    require(`${chosen[0]} and ${chosen[1]}`, chosen[0][axis] > 2 * chosen[1][axis]);
  });
});

test('a training that diverges whatever k is takes k = 1, and says so when it runs', async () => {
  const network = architecture({ width: 4, activation: relu });
  const trainer = await Trainer.create(engine, {
    model: defineModel({ domain: grid([6, 5]), contraction: cp({ rank: 4 }), network }),
    target: target.subarray(0, 30),
    optimiser: adam({ learningRate: 1e9 }),
    ...by({ topK: 'auto' }),
  });
  requireEqual('chosen', trainer.preconditioner?.topK, [1, 1]);
  await requireThrows('diverged', () => trainer.advance(50), 'DivergedError', /the loss became/);
  trainer.dispose();
});

test('a k that was chosen goes with the model: 25 steps, saved, and 15 more of what the file holds are 40, bit for bit', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'sepnn-chosen-')), 'model.safetensors');
  const options = optionsOf(sine, 1e-3);
  const whole = await Trainer.create(engine, { ...options, ...by() });
  const losses = await whole.advance(40);
  const first = await Trainer.create(engine, { ...options, ...by() });
  await first.advance(25);
  const state = await first.state();
  await writeModel(path, { model: options.model, state, training: {} });
  const saved = await readModel(path);
  const { topK } = saved.state.preconditioner ?? {};
  requireEqual('k in the file', topK, whole.preconditioner?.topK);
  const second = await Trainer.create(engine, { ...options, ...by({ topK: topK ?? 'auto' }) });
  second.restore(saved.state);
  requireClose('losses', await second.advance(15), losses.subarray(25), {});
  for (const trainer of [whole, first, second]) trainer.dispose();
  const { preconditioner } = state;
  require('a preconditioner in the state', preconditioner !== undefined);
  const writeK = (wrong: readonly number[]) => {
    const changed = { ...state, preconditioner: { ...preconditioner, topK: wrong } };
    return writeModel(path, { model: options.model, state: changed, training: {} });
  };
  for (const wrong of [[41, 3], [3, 3, 3], [1.5, 2], [0, 3], [1361]]) {
    await writeK(wrong);
    await requireThrows(`k ${wrong}`, () => readModel(path), 'InputError', /its k is .*: give a file that sepnn wrote/);
  }
  // One number may be of a model as a whole: a file does not know which preconditioners have that.
  await writeK([3]);
  const { preconditioner: ofWhole } = (await readModel(path)).state;
  await requireThrows(
    'k of the model as a whole',
    () => Trainer.create(engine, { ...options, ...by({ topK: ofWhole?.topK ?? 'auto' }) }),
    'InputError',
    /^topK: 1 numbers for 2 axes: give one number, or one per axis$/,
  );
});
