/**
 * The ceilings of a device (Williams, Waterman and Patterson 2009): its peak of fused multiply-adds in f32 and its copy
 * bandwidth, each by a kernel that does nothing else.
 */

import type { Tensor } from '../buffer/tensor.js';
import { type Device, featuresOf } from '../device/device.js';
import type { Engine } from '../graph/engine.js';
import type { Plan } from '../graph/plan.js';
import { requireOptions } from '../host/checks.js';
import { within } from '../host/scope.js';
import { copy, repeatedFma } from '../ops/roofline/roofline.js';

/** CHAINS that are tried: how many hide a multiply-add's latency, and how many fit into registers, depends on the device. */
const chainsTried = [2, 4];

/** The ceilings of a device (Williams, Waterman and Patterson 2009), as they were measured. */
export interface Roofline {
  /** Peak of f32 fused multiply-adds, each counting two: GFLOP/s. */
  readonly gflops: number;
  /** How many independent multiply-adds a thread had under way at that peak. */
  readonly chains: number;
  /** Bytes read and bytes written by a copy, together: GB/s. */
  readonly gigabytes: number;
  /** How many had their multiply-adds, `multiplied`, and how many were `copied`. */
  readonly numbers: { readonly multiplied: number; readonly copied: number };
  /** Whose clock told these times, and tells those of profiles: the device's leaves out the way there and back. */
  readonly clock: 'device' | 'host';
}

/** Numbers that a processor copies: past its caches, and within the binding that every device gives. */
const leastCopied = 2 ** 24;
/** And a GPU, whose caches hold tens of megabytes: fewer where its bindings or its memory are smaller. */
const mostCopied = 2 ** 27;

/** Numbers on which `fmaPlan` is measured: a GPU has some hundred thousand threads under way, a processor a few. */
export function fmaNumbers({ cpu }: Device): number {
  return cpu ? 2 ** 16 : 2 ** 22;
}

/** A plan of nothing but multiply-adds, 4096 for each number of the input. */
export function fmaPlan(engine: Engine, input: Tensor, chains: number): Promise<Plan> {
  const attributes = { chains, rounds: 256, scale: 0.5, offset: 1 };
  return engine.compile(graph => ({ result: repeatedFma(graph.read(input), attributes) }));
}

/**
 * Measures a device; takes about a second.
 *
 * @param numbers by default as many as suit it.
 * @throws InputError an option that is unknown, or none of a tensor's sizes.
 */
export async function measureRoofline(engine: Engine, numbers: Partial<Roofline['numbers']> = {}): Promise<Roofline> {
  requireOptions('measureRoofline', numbers, { multiplied: true, copied: true });
  const { cpu } = engine.device;
  const { multiplied = fmaNumbers(engine.device), copied: most = cpu ? leastCopied : mostCopied } = numbers;
  return within(async scope => {
    const small = scope.keep(engine.tensor([multiplied]));
    const peaks: { readonly gflops: number; readonly chains: number }[] = [];
    for (const chains of chainsTried) {
      const compute = scope.keep(await fmaPlan(engine, small, chains));
      peaks.push({ gflops: (await engine.profile(compute))[0].gflops, chains });
    }
    const { gigabytes, copied } = await copyBandwidth(engine, most);
    const best = peaks.reduce((most, next) => (next.gflops > most.gflops ? next : most));
    const isDevices =
      engine.device.options.clock !== undefined && featuresOf(engine.device).includes('timestamp-query');
    return { ...best, gigabytes, numbers: { multiplied, copied }, clock: isDevices ? 'device' : 'host' };
  });
}

async function copyBandwidth(
  engine: Engine,
  most: number,
): Promise<{ readonly gigabytes: number; readonly copied: number }> {
  const { mostBindingBytes } = engine.device;
  for (let copied = most; ; copied /= 2) {
    const isLast = copied <= leastCopied;
    if (4 * copied > mostBindingBytes && !isLast) continue;
    try {
      return { gigabytes: await copiedGigabytes(engine, copied), copied };
    } catch (error) {
      if (isLast) throw error;
      await engine.check().catch(() => {}); // so many did not fit into its memory
    }
  }
}

function copiedGigabytes(engine: Engine, count: number): Promise<number> {
  return within(async scope => {
    const large = scope.keep(engine.tensor([count]));
    const move = scope.keep(await engine.compile(graph => ({ result: copy(graph.read(large)) })));
    const [{ gigabytes }] = await engine.profile(move);
    return gigabytes;
  });
}
