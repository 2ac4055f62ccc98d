/** Fleets: a model of one is what it would be alone, whatever its neighbours, its place and its beginning. */

import { sizeOfAll } from '../../src/buffer/layout.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel, type Model, outputShapes } from '../../src/model/model.js';
import { decoder } from '../../src/model/readout/decoder.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { adam } from '../../src/optimiser/adam.js';
import { clipped } from '../../src/optimiser/clipped.js';
import { muon } from '../../src/optimiser/muon.js';
import type { LearningRate } from '../../src/optimiser/optimiser.js';
import { cosineDecay } from '../../src/optimiser/schedules.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { shampoo } from '../../src/optimiser/shampoo.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { bestBatch, mayBegin, mostPlaces } from '../../src/train/fleet/batchSize.js';
import type {
  FleetJob,
  FleetJobs,
  FleetOptions,
  FleetResult,
  FleetRunOptions,
} from '../../src/train/fleet/fleetOptions.js';
import { FleetTrainer } from '../../src/train/fleet/fleetTrainer.js';
import { Trainer } from '../../src/train/trainer.js';
import { require, requireBits, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('fleets');

/** Models of a fleet that is held against as many trainers. */
const count = Number(process.env.SEPNN_TEST_FLEET ?? 4);
const size = Number(process.env.SEPNN_TEST_FLEET_SIZE ?? 12);

const model = defineModel({
  domain: grid([size, size]),
  contraction: cp({ rank: size }),
  network: architecture({ width: size }),
});
const preconditioner = sepPgd({ topK: 4 });
const optimiser = adam({ learningRate: 1e-3 });

/** A target of the model, another for every number. */
function targetOf(which: number, of: Model = model): Float32Array {
  const points = sizeOfAll(outputShapes(of));
  return Float32Array.from({ length: points }, (_, i) => 0.5 + 0.4 * Math.sin(i * (0.07 + 0.01 * which) + which));
}

async function allOf(
  fleet: FleetTrainer,
  jobs: FleetJobs,
  options: FleetRunOptions = {},
): Promise<Readonly<Record<string, FleetResult>>> {
  const results: Record<string, FleetResult> = {};
  for await (const result of fleet.train(jobs, options)) {
    require(`${result.id} comes once`, !(result.id in results));
    results[result.id] = result;
  }
  return results;
}

const fleetOf = (batch: number) => FleetTrainer.create(engine, { model, optimiser, preconditioner, batch, steps: 23 });
/** Of fewer places than the tests have jobs. */
const three = await fleetOf(3);

function requireSame(what: string, got: FleetResult, wanted: FleetResult): void {
  requireEqual(`${what}: steps`, [got.steps, got.failedAt], [wanted.steps, wanted.failedAt]);
  requireBits(`${what}: losses`, got.losses, wanted.losses);
  requireBits(`${what}: loss`, Float32Array.of(got.loss), Float32Array.of(wanted.loss));
  requireBits(`${what}: parameters`, got.parameters, wanted.parameters);
  requireBits(`${what}: output`, got.output as Float32Array, wanted.output as Float32Array);
}

const single: FleetJob = {
  id: 'single',
  target: targetOf(40),
  seed: 9,
  learningRate: 2e-3,
  weightDecay: 1e-3,
  steps: 17,
};
const alone = (await allOf(three, [single])).single;

test('models of a fleet, more than its places, each with a seed, a rate, a decay and steps of its own, are as trainers of one to rounding', async () => {
  const jobs = Array.from(
    { length: count },
    (_, i): FleetJob => ({
      id: `job ${i}`,
      target: targetOf(i),
      seed: i,
      ...(i % 2 === 1 && { learningRate: 1e-3 * i, weightDecay: 1e-4 * i }),
      ...(i % 3 === 1 && { learningRate: cosineDecay(2e-3, 20) }),
      ...(i % 4 === 2 && { steps: 12 + i }),
      ...(i % 4 === 3 && { topK: [2, 3] }),
    }),
  );
  const fleet = await fleetOf(Math.ceil((2 * count) / 3));
  const results = await allOf(fleet, jobs);
  fleet.dispose();
  for (const { id, target, seed = 0, learningRate = 1e-3, weightDecay = 0, steps = 23, topK = 4 } of jobs) {
    const trainer = await Trainer.create(engine, {
      model,
      target,
      seed,
      preconditioner: sepPgd({ topK }),
      optimiser: adam({ learningRate, weightDecay }),
    });
    const losses = await trainer.advance(steps);
    const result = results[id];
    requireEqual(`${id}: steps`, [result.steps, result.losses.length, result.failedAt], [steps, steps, undefined]);
    requireClose(`${id}: losses`, result.losses, losses, { relative: 2e-4 });
    requireClose(`${id}: loss`, [result.loss], [(await trainer.evaluate()).training], { relative: 2e-4 });
    requireClose(`${id}: parameters`, result.parameters, (await trainer.state()).parameters, { absolute: 2e-4 });
    requireClose(`${id}: output`, result.output as Float32Array, await trainer.render(), { absolute: 1e-3 });
    trainer.dispose();
  }
});

test('a model has the same bits in any place, beside any neighbours, from the start or after others have left', async () => {
  const others = [1, 2, 3, 4].map(
    (which): FleetJob => ({ id: `${which}`, target: targetOf(which), seed: which, steps: 5 * which }),
  );
  for (const at of [1, 2, 3, 4]) {
    const results = await allOf(three, [...others.slice(0, at), single, ...others.slice(at)]);
    requireEqual(`${at}: all`, Object.keys(results).sort(), ['1', '2', '3', '4', 'single']);
    requireSame(`after ${at} others`, results.single, alone);
  }
});

/** Thrown out of all bounds by its update 12. */
const wild: FleetJob = { id: 'wild', target: targetOf(5), learningRate: step => (step === 12 ? 1e30 : 1e-3) };

test('a model whose loss is not finite ends alone with its last good parameters, and its neighbours go on to the bit', async () => {
  const hopeless: FleetJob = { id: 'hopeless', target: targetOf(6).fill(3e38) };
  const results = await allOf(three, [wild, single, hopeless]);
  requireSame('the neighbour', results.single, alone);
  const { failedAt, steps, loss, losses, parameters, output = [] } = results.wild;
  requireEqual('failed', [failedAt, steps, losses.length], [13, 12, 13]);
  require('finite losses', losses.every(Number.isFinite) && loss === losses[12]);
  require('finite parameters', parameters.every(Number.isFinite) && Array.from(output).every(Number.isFinite));
  const before = (await allOf(three, [{ ...wild, steps }, single])).wild;
  requireBits('parameters from before the last step', parameters, before.parameters);
  requireClose('their loss', [loss], [before.loss], { relative: 1e-6 });
  requireEqual(
    'hopeless',
    [results.hopeless.steps, results.hopeless.failedAt, results.hopeless.losses.length],
    [0, 0, 0],
  );
  requireEqual('its loss', results.hopeless.loss, Number.POSITIVE_INFINITY);
});

test('a loss that is not finite after the last update alone counts as a failure too', async () => {
  const { wild: last } = await allOf(three, [{ ...wild, steps: 13 }]);
  requireEqual('failed', [last.failedAt, last.steps, last.losses.length], [13, 12, 13]);
  require('finite', Number.isFinite(last.loss) && last.parameters.every(Number.isFinite));
});

test("a job of several members, with parameters that are no network's, is one model: SGD, outputs that share networks", async () => {
  const domain = grid([6, 5]);
  const network = architecture({ width: 6 });
  const own = defineModel({
    domain,
    contraction: cp({ rank: 5 }),
    readout: mixing({ outputs: 3 }),
    network,
    members: 2,
  });
  const jobs = [0, 1, 2].map((which): FleetJob => ({ id: `${which}`, target: targetOf(which, own), seed: which }));
  const options = { model: own, optimiser: sgd({ learningRate: 1e-3, momentum: 0.5 }) };
  const fleet = await FleetTrainer.create(engine, { ...options, batch: 2, steps: 7 });
  const results = await allOf(fleet, jobs);
  fleet.dispose();
  for (const { id, target, seed = 0 } of jobs.slice(2)) {
    const trainer = await Trainer.create(engine, { ...options, target, seed });
    const what = `${own.contraction.name} ${id}`;
    requireClose(`${what}: losses`, results[id].losses, await trainer.advance(7), { relative: 1e-4 });
    requireClose(`${what}: parameters`, results[id].parameters, (await trainer.state()).parameters, {
      absolute: 1e-4,
    });
    requireClose(`${what}: output`, results[id].output as Float32Array, await trainer.render(), { absolute: 1e-3 });
    trainer.dispose();
  }
});

const decoded = defineModel({
  domain: grid([9, 8]),
  contraction: cp({ rank: 6 }),
  network: architecture({ width: 7 }),
  readout: decoder({ hidden: 5, outputs: 2 }),
  members: 2,
});

for (const [name, optimiserOf] of Object.entries({
  Muon: (learningRate: LearningRate, weightDecay: number) => muon({ learningRate, weightDecay, restRate: 0.2 }),
  'Muon, gradient descent beside it': (learningRate: LearningRate, weightDecay: number) =>
    muon({ learningRate, weightDecay, momentum: 0.9, rest: 'sgd', restRate: 5 }),
  Shampoo: (learningRate: LearningRate, weightDecay: number) => shampoo({ learningRate, weightDecay, refresh: 4 }),
})) {
  test(`${name}: every model of a fleet is as a trainer of one, and the same bits in any place; what fails returns`, async () => {
    for (const [of, preconditioned] of [
      [decoded, undefined],
      [model, sepPgd({ topK: 3, refresh: 5, combine: 'product' })],
    ] as const) {
      const common = { model: of, ...(preconditioned && { preconditioner: preconditioned }) };
      const jobs = Array.from(
        { length: 5 },
        (_, i): FleetJob => ({
          id: `${i}`,
          target: targetOf(i, of),
          seed: i,
          ...(i % 2 === 1 && { learningRate: 1e-3 * i, weightDecay: 0.1 * i }),
          ...(i === 2 && { learningRate: cosineDecay(2e-3, 20), steps: 7 }),
          ...(i === 4 && { learningRate: step => (step === 6 ? 1e30 : 1e-3) }),
        }),
      );
      const fleet = await FleetTrainer.create(engine, {
        ...common,
        optimiser: optimiserOf(1e-3, 0.05),
        batch: 2,
        steps: 11,
      });
      const results = await allOf(fleet, jobs);
      const turned = await allOf(fleet, [...jobs].reverse());
      fleet.dispose();
      for (const { id, target, seed = 0, learningRate = 1e-3, weightDecay = 0.05, steps = 11 } of jobs) {
        requireSame(`${id}, the other way round`, turned[id], results[id]);
        if (id === '4') continue;
        const trainer = await Trainer.create(engine, {
          ...{ ...common, target, seed },
          optimiser: optimiserOf(learningRate, weightDecay),
        });
        const losses = await trainer.advance(steps);
        const result = results[id];
        requireEqual(`${id}: steps`, [result.steps, result.failedAt], [steps, undefined]);
        requireClose(`${id}: losses`, result.losses, losses, { relative: 2e-4 });
        requireClose(`${id}: parameters`, result.parameters, (await trainer.state()).parameters, { absolute: 2e-4 });
        trainer.dispose();
      }
      const { failedAt, steps, loss, losses, parameters } = results['4'];
      requireEqual('failed', [failedAt, steps, losses.length], [7, 6, 7]);
      require('finite', loss === losses[6] && parameters.every(Number.isFinite));
    }
  });
}

test('points that a mask or NaN leaves out are not trained on', async () => {
  const mask = Uint8Array.from({ length: size * size }, (_, i) => (i % 3 === 0 ? 0 : 1));
  const target = targetOf(1);
  const results = await allOf(three, [
    { id: 'mask', target, mask },
    { id: 'nan', target: target.map((y, i) => (mask[i] ? y : Number.NaN)) },
    { id: 'all', target },
  ]);
  requireSame('mask', { ...results.mask, id: '' }, { ...results.nan, id: '' });
  require('it matters', results.mask.loss !== results.all.loss);
});

test('jobs are pulled as places get free; a source that is slow stops nobody, and one that is closed gives no more', async () => {
  const fleet = await FleetTrainer.create(engine, { model, optimiser, batch: 2, steps: 9 });
  const pulled: number[] = [];
  let closed = false;
  let release = () => {};
  async function* jobs() {
    try {
      for (let i = 0; i < 6; i++) {
        if (i === 1) await new Promise<void>(resolve => (release = resolve));
        pulled.push(i);
        yield { id: `${i}`, target: targetOf(i) };
      }
    } finally {
      closed = true;
    }
  }
  const ended: string[] = [];
  let most = 0;
  for await (const { id } of fleet.train(jobs(), {
    onReport: ({ running }) => (most = Math.max(most, running.length)),
  })) {
    ended.push(id);
    release();
    require(`${pulled.length} pulled`, pulled.length <= ended.length + 4); // those that run, and those of the next submit
    if (ended.length === 3) break;
  }
  requireEqual('the first ended while the second was waited for', ended[0], '0');
  requireEqual('at most two ran', most <= 2, true);
  require('the source was closed', closed);
  fleet.dispose();
});

test('models whose preconditioner is to be found begin a few together, others as soon as a place is free', () => {
  const least = (batch: number, found: boolean) =>
    Array.from({ length: batch + 1 }, (_, free) => free).find(free => mayBegin(free, batch, found));
  requireEqual(
    'found from nothing',
    [1, 2, 8, 9, 16, 64].map(batch => least(batch, true)),
    [1, 1, 1, 2, 2, 8],
  );
  requireEqual(
    'without',
    [1, 2, 8, 9, 16, 64].map(batch => least(batch, false)),
    [1, 1, 1, 1, 1, 1],
  );
});

test('an abort ends a run soon, even one that waits for a job; the fleet can run again, and leaves nothing behind', async () => {
  await engine.check();
  const { buffers } = engine.memory;
  const fleet = await FleetTrainer.create(engine, { model, optimiser, preconditioner, batch: 2, steps: 1e9 });
  const controller = new AbortController();
  const { signal } = controller;
  const endless = await allOf(fleet, [single, { ...single, id: 'endless', steps: 1e9 }], {
    signal,
    onReport: ({ running, ended }) => {
      if (ended === 1 && running.length === 1) controller.abort();
    },
  });
  requireEqual('ended', Object.keys(endless), ['single']);
  require('good', endless.single.losses.length === single.steps);
  const waiting = new AbortController();
  setTimeout(() => waiting.abort(), 20);
  async function* never(): AsyncGenerator<FleetJob> {
    await new Promise(() => {});
  }
  requireEqual('nothing came', Object.keys(await allOf(fleet, never(), { signal: waiting.signal })), []);
  const again = await allOf(fleet, [single], { outputs: false });
  requireEqual('no output', again.single.output, undefined);
  requireBits('again', again.single.parameters, endless.single.parameters);
  fleet.dispose();
  requireEqual('buffers', engine.memory.buffers, buffers);
  const ended = await FleetTrainer.create(engine, { model, optimiser, batch: 2, steps: 40 });
  await requireThrows(
    'disposed of while it runs',
    () => allOf(ended, [single], { onReport: () => ended.dispose() }),
    'InputError',
    /^the fleet has been disposed of: create another$/,
  );
  requireEqual('buffers after that', engine.memory.buffers, buffers);
  const starved = await FleetTrainer.create(engine, { model, optimiser, batch: 2, steps: 40 });
  setTimeout(() => starved.dispose(), 20);
  await requireThrows(
    'disposed of while it waits for a job',
    () => allOf(starved, never()),
    'InputError',
    /^the fleet has been disposed of: create another$/,
  );
  await requireThrows(
    'after dispose',
    () => allOf(fleet, [single]),
    'InputError',
    /^the fleet has been disposed of: create another$/,
  );
});

test('what no fleet can have, and jobs that do not fit, are refused in one line', async () => {
  const create = (more: Partial<FleetOptions>) => () =>
    FleetTrainer.create(engine, { model, optimiser, batch: 2, steps: 5, ...more });
  for (const [more, message] of [
    [{ batch: 0 }, /^batch: 0: use a whole number from 1 to 4096$/],
    [{ steps: 1.5 }, /^steps: 1.5: use a whole number from 1 to 4294967295$/],
    [
      { optimiser: clipped(optimiser, 1) },
      /^optimiser: adam has no step for each model of a fleet: use adam, sgd, muon or shampoo$/,
    ],
    [{ preconditioner: sepPgd() }, /^preconditioner: seppgd is to choose by a training of its own: give topK numbers$/],
    [
      { objective: { name: 'own', additive: true, goal: () => ({}) as never } },
      /^objective: own is no sum over points by itself: give one of pointwise\(..\)$/,
    ],
    [{ width: 3 } as never, /^FleetTrainer: option width is unknown: use model, batch/],
  ] as readonly [Partial<FleetOptions>, RegExp][]) {
    await requireThrows(String(message), create(more), 'InputError', message);
  }
  const uneven = muon({ learningRate: 1e-3, matrices: ({ name }) => /^member0\..*layer1$/.test(name) });
  const message = /^muon: its matrices must be the same of every model of a fleet$/;
  await requireThrows('uneven', create({ optimiser: uneven }), 'InputError', message);
  const fleet = await create({})();
  for (const [job, message] of [
    [
      { id: 'short', target: new Float32Array(3) },
      new RegExp(`^job "short": target: takes ${size * size} numbers, got 3$`),
    ],
    [{ id: 'seed', target: targetOf(1), seed: -1 }, /^job "seed": seed: -1: use a whole number from 0/],
    [
      { id: 'mask', target: targetOf(1), mask: [1] },
      new RegExp(`^job "mask": mask: 1 numbers: give ${size * size}, 0 for a point left out$`),
    ],
    [
      { id: 'masked', target: targetOf(1), mask: new Uint8Array(size * size) },
      /^job "masked": target: is NaN everywhere/,
    ],
    [{ id: 'rate', target: targetOf(1), learningRate: 0 }, /^job "rate": learningRate: 0: use/],
    [{ id: 'decay', target: targetOf(1), weightDecay: -1 }, /^job "decay": weightDecay: -1: use/],
    [{ id: 'none', target: targetOf(1), steps: 0 }, /^job "none": steps: 0: use/],
    [
      { id: 'k', target: targetOf(1), topK: 2 },
      /^job "k": topK: this fleet has no preconditioner with a k of each model/,
    ],
    [{ id: 7, target: targetOf(1) } as never, /^job: id 7: use a text$/],
    [{ id: 'more', target: targetOf(1), size: 3 } as never, /^job: option size is unknown: use id, target, mask/],
  ] as readonly [FleetJob, RegExp][]) {
    await requireThrows(String(message), () => allOf(fleet, [job]), 'InputError', message);
  }
  const twice = [single, { ...single, steps: 1 }];
  const ofOneId = /^job "single": another of this run has that id: give each its own$/;
  await requireThrows('two of one id', () => allOf(fleet, twice), 'InputError', ofOneId);
  for (const [topK, message] of [
    [5, /^job "k": topK: 5: use a whole number from 1 to 4$/],
    [[2], /^job "k": topK: a list: give one number, or one for each of 2 axes$/],
  ] as const) {
    const job: FleetJob = { id: 'k', target: targetOf(1), topK };
    await requireThrows(String(message), () => allOf(three, [job]), 'InputError', message);
  }
  await requireThrows(
    'no list',
    () => allOf(fleet, 5 as never),
    'InputError',
    /^train: 5 is no list of jobs: give an array/,
  );
  const first = fleet.train([single]);
  await first.next();
  const second = fleet.train([single]);
  requireEqual('the first has ended', (await first.next()).done, true);
  await second.return();
  fleet.dispose();
});

test('the batch grows as long as a model gets cheaper, up to what fits and to steps of a length that reports can wait for', async () => {
  for (const [what, most, timeOf, expected] of [
    ['nothing to share', 4096, batch => batch, 1],
    ['only the start of dispatches', 4096, batch => 1 + 0.001 * batch, 4096],
    ['half and half', 4096, batch => 1 + batch / 16, 256],
    ['a little better is taken, and is the last', 4096, batch => (batch === 1 ? 1 : 0.9 * batch), 4],
    ['what fits', 10, () => 1, 10],
    ['steps get long', 4096, () => 120, 1],
  ] as readonly [string, number, (batch: number) => number, number][]) {
    requireEqual(
      what,
      await bestBatch(
        () => most,
        async batch => timeOf(batch),
      ),
      expected,
    );
  }
  const quads = (columns: number) => 4 * Math.ceil(columns / 4);
  const parameters = 2 * size * (quads(2) + 2 * quads(size + 1)); // of both networks, what takes the most
  requireEqual('places', mostPlaces(model, { mostBindingBytes: 4 * 3.9 * parameters }, false), 3);
  requireEqual('members', mostPlaces({ ...model, members: 3 }, { mostBindingBytes: 2 ** 40 }, false), 1365);
});

test('batchFor stays within the memory that it is given, and leaves nothing behind', async () => {
  await engine.check();
  const { buffers, bytes } = engine.memory;
  const fleet = await FleetTrainer.create(engine, { model, optimiser, batch: 1, steps: 1 });
  const one = engine.memory.bytes - bytes;
  fleet.dispose();
  requireEqual('one', await FleetTrainer.batchFor(engine, model, { bytes: one / 2 }), 1);
  const some = await FleetTrainer.batchFor(engine, model, { optimiser, bytes: 3.5 * one });
  require(`${some} of 3`, some === 1 || some === 3);
  requireEqual('buffers', engine.memory.buffers, buffers);
  await requireThrows(
    'bytes',
    () => FleetTrainer.batchFor(engine, model, { bytes: 0 }),
    'InputError',
    /^bytes: 0: use/,
  );
});
