/** A device that is lost: every call that waits for it, and every later one, says so; a new engine works. */

import { scale } from '../../src/ops/elementwise/linearCombination.js';
import { isDeviceLost, openEngine } from '../../src/public/node.js';
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

test('a lost device is told from other errors by the name of its error', async () => {
  const doomed = await openEngine({ adapter: 'embedded' });
  doomed.device.gpu.destroy();
  const error = await doomed.check().catch(thrown => thrown);
  require(`got ${error}`, isDeviceLost(error));
  requireEqual('reason', error.reason, 'destroyed');
  require('another', !isDeviceLost(new Error('other')));
  await doomed.dispose();
});
