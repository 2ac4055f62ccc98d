/** The micro-kernels that measure a device's ceilings, and what is made of their times. */

import { layoutOf } from '../../src/buffer/layout.js';
import { Memory } from '../../src/buffer/memory.js';
import { Device } from '../../src/device/device.js';
import { timestampClock } from '../../src/device/timestamps.js';
import { Engine } from '../../src/graph/engine.js';
import { fmaNumbers, measureRoofline } from '../../src/immediate/roofline.js';
import { type Dispatch, dispatch, foldedWorkgroups, type Workgroups } from '../../src/kernel/dispatch.js';
import { Pipelines } from '../../src/kernel/pipelines.js';
import { Sequence } from '../../src/kernel/sequence.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import * as kernels from '../../src/wgsl/roofline.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { copy } from '../reference/roofline/copy.js';
import { fma } from '../reference/roofline/fma.js';

const test = suite('roofline');

test('fma: chains of every length match the float64 twin at 1, 63, 64, 65 and some thousand quads', async () => {
  for (const quads of [1, 63, 64, 65, randomInteger(2000, 5000)]) {
    for (const rounds of [1, 5]) {
      const x = randoms(4 * quads);
      const [scale, offset] = [Math.fround(0.71), Math.fround(-0.3)];
      const input = filled(layoutOf([4 * quads]), x);
      const result = poisoned(input.layout);
      const constants = { CHAINS: 3, UNROLL: 4, WORKGROUP: 64 };
      const workgroups = foldedWorkgroups(Math.ceil(quads / constants.CHAINS), constants.WORKGROUP, device);
      const settings = { count: quads, rounds, scale, offset };
      const buffers = { input: input.storage, result: result.storage };
      await run([dispatch(kernels.fma, { constants, workgroups, settings, buffers })]);
      const expected = fma(x, scale, offset, rounds * constants.UNROLL);
      requireClose(`${quads} quads`, await contentOf(result), expected, { absolute: 1e-6 });
    }
  }
});

test('copy: every number arrives, also where workgroups fold into two dimensions', async () => {
  const copied = async (quads: number, workgroups: Workgroups) => {
    const x = randoms(4 * quads);
    const input = filled(layoutOf([4 * quads]), x);
    const result = poisoned(input.layout);
    const buffers = { input: input.storage, result: result.storage };
    await run([
      dispatch(kernels.copy, { constants: { WORKGROUP: 64 }, workgroups, settings: { count: quads }, buffers }),
    ]);
    requireEqual(`${quads} quads`, [...(await contentOf(result))], [...copy(x)]);
  };
  for (const quads of [1, 64, 65, 1001]) await copied(quads, foldedWorkgroups(quads, 64, device));
  // As a device with fewer workgroups an axis would fold them.
  await copied(1001, [4, 4, 1]);
});

test('the ceilings are positive, and no product runs past the peak', async () => {
  // As a processor has them, which is what runs this.
  const numbers = { multiplied: fmaNumbers({ cpu: true } as Device), copied: 2 ** 24 };
  const roofline = await measureRoofline(engine, device.cpu ? undefined : numbers);
  const a = engine.tensor([256, 256], randoms(256 * 256));
  const plan = await engine.compile(graph => ({ c: matmul(graph.read(a), graph.read(a)) }));
  const [profile, ...rest] = await engine.profile(plan);
  requireEqual('operations', profile.operations, 2 * 256 ** 3);
  requireEqual('bytes', profile.bytes, 3 * 4 * 256 ** 2);
  requireEqual('dispatches', rest.length, 0);
  require(`bandwidth ${roofline.gigabytes} GB/s`, roofline.gigabytes > 0);
  requireEqual('numbers', roofline.numbers, numbers);
  require(`${profile.gflops} of ${roofline.gflops} GFLOP/s`, profile.gflops > 0 && profile.gflops < roofline.gflops);
  plan.dispose();
});

test("a profile goes by the clock of the device where there is one, and by the host's where that says nothing", async () => {
  const told: number[] = [];
  const withClock = async (tell: (dispatches: number) => number | undefined) => {
    const other = new Device(device.gpu, {
      owned: false,
      clock: async (_, encode) => {
        let dispatches = 0;
        const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: () => dispatches++ };
        encode(pass as unknown as GPUComputePassEncoder);
        return tell(dispatches);
      },
    });
    const own = new Engine(other);
    const b = own.tensor([8, 8], randoms(64));
    const twin = await own.compile(graph => ({ c: matmul(graph.read(b), graph.read(b)) }));
    const [{ milliseconds }] = await own.profile(twin, { rounds: 3, milliseconds: 1 });
    await own.dispose();
    return milliseconds;
  };
  requireEqual('of three milliseconds each', await withClock(dispatches => 3 * dispatches), 3);
  const byHost = await withClock(dispatches => {
    told.push(dispatches);
    return undefined;
  });
  require(`${byHost} ms by the host, asked of ${told.join(', ')}`, byHost > 0 && byHost < 3000 && told.length > 2);
});

test('timestamps of a pass grow with what it does, and are of the order of what the host sees', async () => {
  if (!device.gpu.features.has('timestamp-query')) {
    // As in a portable run, which asks for no feature.
    requireEqual('without the feature', await timestampClock(device, () => {}), undefined);
    return;
  }
  const x = filled(layoutOf([2 ** 14]), randoms(2 ** 14));
  const result = poisoned(x.layout);
  const settings = { count: 2 ** 12, rounds: 2000, scale: 0.5, offset: 1 };
  const buffers = { input: x.storage, result: result.storage };
  const one = dispatch(kernels.fma, { workgroups: [64, 1, 1], settings, buffers });
  const sequence = await Sequence.prepare([one], new Memory(device), new Pipelines(device));
  const start = performance.now();
  const took = await timestampClock(device, pass => sequence.encode(pass, { from: 0, to: 8 }));
  const seen = performance.now() - start;
  require(`${took} ms on the device, ${seen} on the host`, took !== undefined && took > 0.1 && took < seen + 1);
  sequence.dispose();
});

test('timestamps that run backwards tell nothing', async () => {
  const clockOf = (...stamps: readonly bigint[]) => {
    const made = { destroy() {}, getMappedRange: () => BigUint64Array.from(stamps).buffer, mapAsync: async () => {} };
    const encoder = {
      beginComputePass: () => ({ end() {} }),
      resolveQuerySet() {},
      copyBufferToBuffer() {},
      finish() {},
    };
    const gpu = {
      features: new Set(['timestamp-query']),
      createQuerySet: () => made,
      createBuffer: () => made,
      createCommandEncoder: () => encoder,
      queue: { submit() {} },
    };
    const attempt = (_: string, work: () => unknown) => ({ value: work(), error: Promise.resolve(undefined) });
    const fake = { gpu, attempt, track: (promise: unknown) => promise } as unknown as Device;
    return timestampClock(fake, () => {});
  };
  requireEqual('forwards', await clockOf(2_000_000n, 5_000_000n), 3);
  requireEqual('backwards', await clockOf(5_000_000n, 2_000_000n), 0);
});

test('the work of a plan is that of its dispatches together', async () => {
  const a = engine.tensor([6, 10], randoms(60));
  const plan = await engine.compile(graph => {
    const once = matmul(graph.read(a), graph.read(a), { transposeRight: true });
    return { twice: matmul(once, graph.read(a)) };
  });
  const operations = plan.dispatches.reduce((sum: number, { work }: Dispatch) => sum + work.operations, 0);
  requireEqual('operations', [plan.work.operations, operations], [2 * (6 * 6 * 10 + 6 * 10 * 6), plan.work.operations]);
  plan.dispose();
});
