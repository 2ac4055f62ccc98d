/** A device that is lost: every call that waits for it, and every later one, says so; a new engine works. */

import { scale } from '../../src/ops/elementwise/linearCombination.js';
import {
  adam,
  architecture,
  cp,
  createEngine,
  defineModel,
  grid,
  isDeviceLost,
  openEngine,
  Trainer,
} from '../../src/public/node.js';
import { defineProblem, jetArchitecture, ProblemTrainer } from '../../src/public/pde.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('lost devices');

const lost = /^the GPU device was lost \(destroyed\): .+: open another engine$/;

test('a destroyed device ends what waits for it and every later call within a second, and no other engine', async () => {
  const doomed = await openEngine({ adapter: 'embedded' });
  const a = doomed.tensor([256], new Float32Array(256));
  const plan = await doomed.compile(graph => ({ b: scale(graph.read(a), 2) }));
  await plan.run();
  const waiting = {
    run: plan.run({ times: 1000 }),
    read: a.read(),
    compile: doomed.compile(graph => ({ b: scale(graph.read(a), 3) })),
    check: doomed.check(),
  };
  for (const promise of Object.values(waiting)) promise.catch(() => {}); // looked at below, one after the other
  const start = performance.now();
  doomed.device.gpu.destroy();
  for (const [name, promise] of Object.entries(waiting)) {
    await requireThrows(`${name}, waiting`, () => promise, 'DeviceLostError', lost);
  }
  const later: Record<string, () => unknown> = {
    run: () => plan.run(),
    read: () => a.read(),
    write: () => a.write(new Float32Array(256)),
    tensor: () => doomed.tensor([1]),
    compile: () => doomed.compile(graph => ({ b: scale(graph.read(a), 4) })),
    check: () => doomed.check(),
  };
  for (const [name, call] of Object.entries(later)) {
    await requireThrows(`${name}, later`, call, 'DeviceLostError', lost);
  }
  require(`took ${performance.now() - start} ms`, performance.now() - start < 1000);
  plan.dispose();
  a.dispose();
  await doomed.dispose();
  requireEqual('buffers', doomed.memory.buffers, 0);

  const fresh = await openEngine({ adapter: 'embedded' });
  requireClose('a new engine', await fresh.tensor([2], [3, 4]).read(), [3, 4], {});
  await fresh.dispose();
  requireClose('another engine', await engine.tensor([1], [5]).read(), [5], {});
});

test('an engine whose own device is ended under it says that it is lost, in the same turn and later', async () => {
  const doomed = await openEngine({ adapter: 'embedded' });
  const a = doomed.tensor([256], new Float32Array(256));
  const reading = a.read();
  doomed.device.destroy();
  await requireThrows('read, waiting', () => reading, 'DeviceLostError', lost);
  await requireThrows('read, later', () => a.read(), 'DeviceLostError', lost);
  await requireThrows('tensor, later', () => doomed.tensor([1]), 'DeviceLostError', lost);
  await doomed.dispose();
});

test('a trainer whose device is lost ends its calls, those that wait for their turn too', async () => {
  const doomed = await openEngine({ adapter: 'embedded' });
  const options = {
    model: defineModel({ domain: grid([9, 8]), contraction: cp({ rank: 3 }), network: architecture({ width: 5 }) }),
    target: new Float32Array(72).fill(0.5),
    optimiser: adam({ learningRate: 1e-3 }),
  };
  const trainer = await Trainer.create(doomed, options);
  await trainer.advance(2);
  const waiting = [trainer.advance(500), trainer.render(), trainer.state(), Trainer.create(doomed, options)];
  for (const promise of waiting) promise.catch(() => {}); // looked at below, one after the other
  const start = performance.now();
  doomed.device.gpu.destroy();
  for (const promise of waiting) await requireThrows('waiting', () => promise, 'DeviceLostError', lost);
  await requireThrows('later', () => trainer.advance(1), 'DeviceLostError', lost);
  await requireThrows('evaluate', () => trainer.evaluate(), 'DeviceLostError', lost);
  require(`took ${performance.now() - start} ms`, performance.now() - start < 1000);
  trainer.dispose();
  await doomed.dispose();
});

test('a device that is lost within a turn through the last layers ends the turn, and the state before it goes on elsewhere', async () => {
  const problem = defineProblem({
    name: 'doomed',
    axes: { t: [0, 1], x: [-1, 1] },
    fields: ['u'],
    equations: ({ u }) => [u.dt.minus(u.dxx)],
    conditions: ({ u, x }) => [{ name: 'start', at: { t: 0 }, residual: u.minus(x) }],
  });
  const options = {
    ...{ problem, network: jetArchitecture({ width: 8, rank: 4 }), points: 9 },
    ...{ optimiser: adam({ learningRate: 1e-3 }), lastLayers: { iterations: 200 } },
  };
  const begun = await ProblemTrainer.create(engine, options);
  await begun.advance(3);
  const before = await begun.state();
  for (const milliseconds of [0, 1, 10, 40]) {
    const doomed = await openEngine({ adapter: 'embedded' });
    const trainer = await ProblemTrainer.create(doomed, options);
    await trainer.restore(before);
    const turn = trainer.solveLastLayers();
    const waiting = [turn, trainer.solveLastLayers(), trainer.state(), trainer.evaluate()];
    for (const promise of waiting) promise.catch(() => {}); // looked at below, one after the other
    await new Promise(resolve => setTimeout(resolve, milliseconds));
    doomed.device.gpu.destroy();
    for (const promise of waiting) await requireThrows(`${milliseconds} ms`, () => promise, 'DeviceLostError', lost);
    await requireThrows('later', () => trainer.solveLastLayers(), 'DeviceLostError', lost);
    trainer.dispose();
    await doomed.dispose();
    requireEqual('buffers', doomed.memory.buffers, 0);
  }
  const sum = (losses: Readonly<Record<string, number>>) => Object.values(losses).reduce((a, b) => a + b);
  const lossBefore = sum(await begun.evaluate());
  await begun.restore(before);
  await begun.solveLastLayers();
  const loss = sum(await begun.evaluate());
  require(`${lossBefore} became ${loss}`, loss < lossBefore);
  begun.dispose();
}, 60);

test('a driver that hangs and never answers again keeps nobody waiting once its device is lost', async () => {
  const own = await openEngine({ adapter: 'embedded' });
  const { gpu } = own.device;
  const never = () => new Promise<never>(() => {});
  let lose = (_: { reason: GPUDeviceLostReason; message: string }) => {};
  const silent = new Map<string | symbol, unknown>([
    ['lost', new Promise(resolve => (lose = resolve as typeof lose))],
    ['popErrorScope', never],
    ['createComputePipelineAsync', never],
  ]);
  let hangs = false;
  const hung = <T extends object>(target: T, answers: ReadonlyMap<string | symbol, unknown>): T =>
    new Proxy(target, {
      get: (of, name) => {
        if (answers.has(name) && (hangs || name === 'lost' || name === 'queue')) return answers.get(name);
        const value = Reflect.get(of, name);
        return typeof value === 'function' ? value.bind(of) : value;
      },
    });
  silent.set('queue', hung(gpu.queue, new Map([['onSubmittedWorkDone', never]])));
  const guest = await createEngine({ device: hung(gpu, silent) });
  const a = guest.tensor([2], [1, 2]);
  const plan = await guest.compile(graph => ({ b: scale(graph.read(a), 2) }));
  await plan.run();
  hangs = true;
  const waiting = [plan.run(), a.read(), guest.check(), guest.compile(graph => ({ b: scale(graph.read(a), 3) }))];
  const settled = Promise.allSettled(waiting);
  lose({ reason: 'unknown', message: 'the driver was reset' });
  for (const result of await settled) {
    const { name, message } = (result as PromiseRejectedResult).reason as Error;
    requireEqual('error', name, 'DeviceLostError');
    require(message, message.startsWith('the GPU device was lost (unknown): the driver was reset'));
  }
  await guest.dispose();
  await own.dispose();
});

test('a lost device is told from other errors by the name of its error', async () => {
  const doomed = await openEngine({ adapter: 'embedded' });
  doomed.device.gpu.destroy();
  const error = await doomed.check().catch(thrown => thrown);
  require(`got ${error}`, isDeviceLost(error));
  requireEqual('reason', error.reason, 'destroyed');
  const late = await createEngine({ device: doomed.device.gpu });
  await requireThrows('an engine on what is lost', () => late.check(), 'DeviceLostError', lost);
  await requireThrows('its tensor', () => late.tensor([1]), 'DeviceLostError', lost);
  await late.dispose();
  require('another', !isDeviceLost(new Error('other')));
  await doomed.dispose();
});
