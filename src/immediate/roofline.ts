/**
 * The ceilings of a device (Williams, Waterman and Patterson 2009): its peak of fused multiply-adds in f32 and its copy
 * bandwidth, each by a kernel that does nothing else.
 */

import type { Tensor } from '../buffer/tensor.js';
import { applyOne } from '../graph/apply.js';
import type { Engine } from '../graph/engine.js';
import type { Operation, Value } from '../graph/operation.js';
import type { Plan } from '../graph/plan.js';
import { within } from '../host/scope.js';
import { dispatch, foldedWorkgroups, oneThreadEach } from '../kernel/dispatch.js';
import * as kernels from '../wgsl/roofline.js';

interface FmaAttributes {
  readonly chains: number;
  readonly rounds: number;
  readonly scale: number;
  readonly offset: number;
}

const unrolled = kernels.fmaConstants.UNROLL;
/** CHAINS that are tried: how many hide a multiply-add's latency, and how many fit into registers, depends on the device. */
const chainsTried = [2, 4];
const workgroup = 64;

const fma: Operation<FmaAttributes> = {
  name: 'fma',
  shapes: ([input]) => [input],
  lower: ({ device, attributes: { chains, ...settings }, inputs: [input], outputs: [result] }) => {
    const count = result.layout.length / 4;
    return [
      dispatch(kernels.fma, {
        constants: { CHAINS: chains, WORKGROUP: workgroup },
        workgroups: foldedWorkgroups(Math.ceil(count / chains), workgroup, device),
        settings: { count, ...settings },
        buffers: { input: input.storage, result: result.storage },
        work: { operations: 8 * count * unrolled * settings.rounds },
      }),
    ];
  },
  notDifferentiable: 'it measures a device',
};

const copyOperation: Operation<undefined> = {
  name: 'copy',
  shapes: ([input]) => [input],
  lower: ({ device, inputs: [input], outputs: [result] }) => {
    const count = result.layout.length / 4;
    return [
      dispatch(kernels.copy, {
        ...oneThreadEach(device, count),
        settings: { count },
        buffers: { input: input.storage, result: result.storage },
      }),
    ];
  },
  notDifferentiable: 'it measures a device',
};

/** Every number x taken 16 `rounds` times through x <- scale x + offset. */
export function repeatedFma(input: Value, attributes: FmaAttributes): Value {
  return applyOne(fma, [input], attributes);
}

export function copy(input: Value): Value {
  return applyOne(copyOperation, [input], undefined);
}

export interface Roofline {
  /** Peak of f32 fused multiply-adds, each counting two: GFLOP/s. */
  readonly gflops: number;
  /** How many independent multiply-adds a thread had under way at that peak. */
  readonly chains: number;
  /** Bytes read and bytes written by a copy, together: GB/s. */
  readonly gigabytes: number;
}

/** Past every cache, and within the binding that every device gives. */
const copiedNumbers = 2 ** 24;
/** Numbers on which `fmaPlan` is measured. */
export const fmaNumbers = 2 ** 16;

/** A plan of nothing but multiply-adds, 4096 for each number of the input. */
export function fmaPlan(engine: Engine, input: Tensor, chains: number): Promise<Plan> {
  const attributes = { chains, rounds: 256, scale: 0.5, offset: 1 };
  return engine.compile(graph => ({ result: repeatedFma(graph.read(input), attributes) }));
}

/** Measures a device; takes about a second. */
export function measureRoofline(engine: Engine): Promise<Roofline> {
  return within(async scope => {
    const small = scope.keep(engine.tensor([fmaNumbers]));
    const large = scope.keep(engine.tensor([copiedNumbers]));
    const peaks: { readonly gflops: number; readonly chains: number }[] = [];
    for (const chains of chainsTried) {
      const compute = scope.keep(await fmaPlan(engine, small, chains));
      peaks.push({ gflops: (await engine.profile(compute))[0].gflops, chains });
    }
    const move = scope.keep(await engine.compile(graph => ({ result: copy(graph.read(large)) })));
    const [{ gigabytes }] = await engine.profile(move);
    return { ...peaks.reduce((best, next) => (next.gflops > best.gflops ? next : best)), gigabytes };
  });
}
