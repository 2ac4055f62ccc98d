/**
 * Square matrix products, ours and the peers', each checked against the float64 twin before it is timed. The device's peak
 * takes turns with them, so that a share of it is one of the same moments.
 */

import type { Engine } from '../../src/graph/engine.js';
import { Random } from '../../src/host/random.js';
import { fmaNumbers, fmaPlan, type Roofline } from '../../src/immediate/roofline.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { product } from '../../test/reference/linear/product.js';
import { type Contender, type ContestOptions, contest, type Standing } from '../contest.js';
import { contendersOf } from '../peers/contenders.js';
import type { Peer } from '../peers/peer.js';
import type { ProductResult } from '../results.js';

export const productSizes = { full: [16, 64, 128, 256, 512, 1024], quick: [64, 512] } as const;

/** What summing `size` products in f32 may cost, relative to the norm. */
const tolerance = (size: number) => 1e-7 * Math.sqrt(size) + 1e-6;

export async function productCase(
  engine: Engine,
  peers: readonly Peer[],
  size: number,
  roofline: Roofline,
  options: ContestOptions,
): Promise<ProductResult> {
  const random = new Random(size);
  const [left, right] = [0, 1].map(() => Float32Array.from({ length: size * size }, () => random.uniform(-1, 1)));
  const [a, b] = [Float64Array.from(left), Float64Array.from(right)];
  const expected = product({ rows: size, columns: size, inner: size, a, b });
  const errors = new Map<string, number>();
  const absent: Record<string, string> = {};
  const contenders: Contender[] = [];
  const open: { dispose(): void }[] = [];
  const admit = async ([first, ...others]: readonly Contender[], read: () => Promise<Float32Array>) => {
    await first.run(1);
    const error = relativeError(await read(), expected);
    if (!(error <= tolerance(size))) throw new Error(`the product is off by ${error}`);
    for (const contender of [first, ...others]) {
      errors.set(contender.name, error);
      contenders.push(contender);
    }
  };

  const tensors = [engine.tensor([size, size], left), engine.tensor([size, size], right)];
  const plan = await engine.compile(graph => ({ c: matmul(graph.read(tensors[0]), graph.read(tensors[1])) }));
  open.push(plan, ...tensors);
  await admit([{ name: 'sepnn', run: times => plan.run({ times }) }], () => plan.outputs.c.read());
  for (const peer of peers) {
    try {
      const work = await peer.product(size, left, right);
      open.push(work);
      await admit(contendersOf(peer.name, work, engine.device), () => work.read());
    } catch (error) {
      absent[peer.name] = (error as Error).message;
    }
  }
  const input = engine.tensor([fmaNumbers(engine.device)]);
  const peak = await fmaPlan(engine, input, roofline.chains);
  open.push(peak, input);
  contenders.push({ name: 'FMA peak', run: times => peak.run({ times }) });
  const standings = await contest(contenders, options);
  for (const one of open) one.dispose();
  return {
    size,
    absent,
    standings: withShares(standings, 2 * size ** 3, peak.work.operations).map(standing => ({
      ...standing,
      error: errors.get(standing.name),
    })),
  };
}

/** With the peak last among the standings: everybody's speed, and its share of the peak in the same rounds. */
function withShares(standings: readonly Standing[], operations: number, peakOperations: number) {
  const peakSpeed = peakOperations / (standings.at(-1) as Standing).ratio.median;
  return standings.map((standing, i) => {
    const own = i === standings.length - 1 ? peakOperations : operations;
    return {
      ...standing,
      gflops: own / (1e6 * standing.milliseconds.median),
      share: own / standing.ratio.median / peakSpeed,
    };
  });
}

/** |actual - expected| / |expected|, Frobenius. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}
