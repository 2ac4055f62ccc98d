/**
 * The ceilings of a device (Williams, Waterman and Patterson 2009): its peak of fused multiply-adds in f32 and its copy
 * bandwidth, each by a kernel that does nothing else.
 */

import type { Tensor } from '../buffer/tensor.js';
import type { Engine } from '../graph/engine.js';
import type { Plan } from '../graph/plan.js';
import { within } from '../host/scope.js';
import { copy, repeatedFma } from '../ops/roofline/roofline.js';

/** CHAINS that are tried: how many hide a multiply-add's latency, and how many fit into registers, depends on the device. */
const chainsTried = [2, 4];

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
