/** Calls of a trainer that come at the same time: in their order, with the numbers of calls one after the other. */

import { within } from '../../src/host/scope.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel } from '../../src/model/model.js';
import { parametersOf } from '../../src/model/parameters.js';
import { KroneckerNtk } from '../../src/ntk/kroneckerNtk.js';
import { normalParameters, ntkCp } from '../../src/ntk/ntkParameterisation.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { TangentTrainer } from '../../src/train/tangentTrainer.js';
import { TrainedParameters } from '../../src/train/trainedParameters.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import { require, requireBits, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('calls of a trainer');

const model = defineModel({
  domain: grid([11, 7]),
  contraction: cp({ rank: 5 }),
  network: architecture({ width: 6 }),
});
const options: TrainerOptions = {
  model,
  target: Float32Array.from(randoms(77)),
  optimiser: adam({ learningRate: step => 1e-2 / (1 + step) }),
};
const preconditioned = { ...options, preconditioner: sepPgd({ topK: 3 }) };

/** Everything that a trainer says, in steps of the given calls. */
async function saidBy(trainer: Trainer, together: boolean) {
  const calls = [
    () => trainer.advance(3),
    () => trainer.render(),
    () => trainer.advance(11),
    () => trainer.evaluate().then(({ training }) => Float32Array.of(training)),
    () => trainer.state().then(({ parameters }) => parameters),
    () => trainer.advance(1),
    () => trainer.state().then(({ step }) => Float32Array.of(step)),
  ];
  if (together) return Promise.all(calls.map(call => call()));
  const said: Float32Array[] = [];
  for (const call of calls) said.push(await call());
  return said;
}

test('a target function that calls its own trainer is told, which would wait for it, and other calls take their turns', async () => {
  const { target, ...rest } = options;
  const numbers = target as Float32Array;
  const rows = (from: number, to: number) => numbers.subarray(7 * from, 7 * to);
  let mode = 'plain';
  const trainer: Trainer = await Trainer.create(engine, {
    ...rest,
    slabBytes: 4 * 7 * 4,
    targetBytes: 0,
    target: async (...given) => {
      if (mode === 'calls') await trainer.render();
      if (mode === 'throws') throw new Error('its own');
      return rows(...given);
    },
  });
  mode = 'calls';
  const message = /^the trainer waits for the function that calls it$/;
  await requireThrows('a call', () => trainer.advance(1), 'InputError', message);
  mode = 'throws';
  await requireThrows('an error', () => trainer.advance(1), 'Error', /^its own$/);
  mode = 'plain';
  const [losses, output] = await Promise.all([trainer.advance(1), trainer.render()]);
  requireEqual('numbers', [losses.length, output.length], [1, 77]);
  trainer.dispose();
});

for (const [name, more] of Object.entries({ 'the whole domain': {}, slabs: { slabBytes: 4 * 7 * 4 } })) {
  test(`calls at once on ${name} give what they give one after the other, bit for bit`, async () => {
    const [apart, together] = [
      await Trainer.create(engine, { ...preconditioned, ...more }),
      await Trainer.create(engine, { ...preconditioned, ...more }),
    ];
    const [expected, actual] = [await saidBy(apart, false), await saidBy(together, true)];
    actual.forEach((values, i) => {
      requireBits(`call ${i}`, values, expected[i]);
    });
    require('losses change', expected[0][0] !== expected[2][0]);
    for (const trainer of [apart, together]) trainer.dispose();
  });
}

test('a restore takes its turn too, and is at once where no call is under way', async () => {
  const trainer = await Trainer.create(engine, options);
  const start = await trainer.state();
  const [first, , again] = await Promise.all([trainer.advance(4), trainer.restore(start), trainer.advance(4)]);
  requireBits('the same steps again', again, first);
  trainer.restore(start);
  requireEqual('step', trainer.step, 0);
  requireBits('and again', await trainer.advance(4), first);
  trainer.dispose();
});

test('a call that fails ends itself, and none of those that wait for it', async () => {
  const [trainer, other] = [await Trainer.create(engine, options), await Trainer.create(engine, options)];
  const [bad, good] = await Promise.allSettled([trainer.advance(0), trainer.advance(2)]);
  require('the bad one', bad.status === 'rejected' && bad.reason.name === 'InputError');
  requireBits('the good one', (good as PromiseFulfilledResult<Float32Array>).value, await other.advance(2));
  for (const one of [trainer, other]) one.dispose();
});

test('two trainers at once on one engine do not see each other', async () => {
  const [alone, one, two] = [
    await Trainer.create(engine, options),
    await Trainer.create(engine, options),
    await Trainer.create(engine, { ...options, seed: 4 }),
  ];
  const expected = await alone.advance(9);
  const [losses] = await Promise.all([one.advance(9), two.advance(9), two.render()]);
  requireBits('losses', losses, expected);
  for (const trainer of [alone, one, two]) trainer.dispose();
});

test('calls at once on a tangent trainer give what they give one after the other, bit for bit', async () => {
  const create = () =>
    TangentTrainer.create(engine, {
      model,
      target: options.target as Float32Array,
      optimiser: adam({ learningRate: 1e-2 }),
      preconditioner: sepPgd({ topK: 3 }),
    });
  const [apart, together] = [await create(), await create()];
  const expected = [await apart.advance(3), await apart.advance(5), await apart.weights()];
  const actual = await Promise.all([together.advance(3), together.advance(5), together.weights(), together.restart()]);
  expected.forEach((values, i) => {
    requireBits(`call ${i}`, actual[i] as Float32Array, values);
  });
  requireEqual('restarted', together.step, 0);
  for (const trainer of [apart, together]) trainer.dispose();
});

test('products of a kernel at once are those of their own vectors', async () => {
  const limiting = ntkCp({ domain: grid([6, 5]), rank: 3, network: architecture({ width: 4 }) });
  const kernel = await KroneckerNtk.create(engine, limiting, normalParameters(limiting, 0));
  const vectors = [0, 1, 2].map(() => Float32Array.from(randoms(30)));
  const expected: Float32Array[] = [];
  for (const vector of vectors) expected.push(await kernel.product(vector));
  const products = await Promise.all(vectors.map(vector => kernel.product(vector)));
  products.forEach((product, i) => {
    requireBits(`product ${i}`, product, expected[i]);
  });
  kernel.dispose();
});

test('a trainer that is disposed of ends the calls that wait and every later one, by its name', async () => {
  const trainer = await Trainer.create(engine, options);
  const calls = [trainer.advance(50), trainer.advance(1), trainer.render()];
  for (const call of calls) call.catch(() => {}); // looked at below, one after the other
  trainer.dispose();
  trainer.dispose();
  const gone = /^the trainer has been disposed of: create another$/;
  for (const call of calls) await requireThrows('waiting', () => call, 'InputError', gone);
  const later = [
    () => trainer.advance(1),
    () => trainer.evaluate(),
    () => trainer.render(),
    () => trainer.state(),
    () => trainer.spectra(),
    () => trainer.timeRefresh(),
    () => trainer.profile(),
    () => trainer.restore({ step: 0, parameters: new Float32Array(1) }),
  ];
  for (const call of later) await requireThrows(String(call), call, 'InputError', gone);
});

test('where steps fail and how many were made cannot be read either, the first error is thrown', async () => {
  await within(async scope => {
    const trained = new TrainedParameters(engine, scope, parametersOf(model), adam({ learningRate: 1e-2 }));
    const tensors = Object.getPrototypeOf(trained.tensor);
    const { read } = tensors;
    const run = async () => {
      tensors.read = async () => Promise.reject(new Error('the second'));
      throw new RangeError('the first');
    };
    await requireThrows('steps', () => trained.advance(1, run), 'RangeError', /^the first$/).finally(() => {
      tensors.read = read;
    });
  });
});
