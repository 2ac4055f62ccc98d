/** The micro-kernels that measure a device's ceilings, and what is made of their times. */

import { layoutOf } from '../../src/buffer/layout.js';
import { measureRoofline } from '../../src/immediate/roofline.js';
import { type Dispatch, dispatch, foldedWorkgroups, type Workgroups } from '../../src/kernel/dispatch.js';
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
  const roofline = await measureRoofline(engine);
  const a = engine.tensor([256, 256], randoms(256 * 256));
  const plan = await engine.compile(graph => ({ c: matmul(graph.read(a), graph.read(a)) }));
  const [profile, ...rest] = await engine.profile(plan);
  requireEqual('operations', profile.operations, 2 * 256 ** 3);
  requireEqual('bytes', profile.bytes, 3 * 4 * 256 ** 2);
  requireEqual('dispatches', rest.length, 0);
  require(`bandwidth ${roofline.gigabytes} GB/s`, roofline.gigabytes > 0);
  require(`${profile.gflops} of ${roofline.gflops} GFLOP/s`, profile.gflops > 0 && profile.gflops < roofline.gflops);
  plan.dispose();
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
