/** Whether an adapter computes right: every family of kernels at sizes where training takes the same way, against float64. */

import type { Engine } from '../../graph/engine.js';
import { Bench, type Check, type Family } from './bench.js';
import { eigenpairs } from './eigenpairs.js';
import { elementwise } from './elementwise.js';
import { equations } from './equations.js';
import { fleets } from './fleets.js';
import { optimisers } from './optimisers.js';
import { preconditioning } from './preconditioning.js';
import { products } from './products.js';
import { slabs } from './slabs.js';
import { training } from './training.js';

const families: readonly Family[] = [
  products,
  elementwise,
  training,
  preconditioning,
  eigenpairs,
  optimisers,
  slabs,
  fleets,
  equations,
];
/** What runs on the first of two devices: about half of what there is to compile, sharing few texts with the rest. */
const onFirst: ReadonlySet<Family> = new Set([products, elementwise, training, equations]);

export interface SelfTest extends Check {
  readonly name: string;
  readonly passed: boolean;
  /** What it compared; `quantity`, `error` and `tolerance` are of the one that is nearest to wrong, or furthest past it. */
  readonly checks: number;
  /** The kernels that it ran, and the texts in their slots. */
  readonly kernels: readonly string[];
  /** Why it could not be run. */
  readonly reason?: string;
}

/**
 * All at once, since compiling takes most of the time, and a driver does several kernels side by side.
 *
 * @param second another device of the same adapter, where a driver does one kernel after the other on each.
 */
export function selfTest(first: Engine, second = first): Promise<SelfTest[]> {
  return Promise.all(families.map(family => testOf(family, onFirst.has(family) ? first : second)));
}

/** What a family comes to: the nearest to wrong of what it compared. */
export async function testOf({ name, run }: Family, engine: Engine): Promise<SelfTest> {
  const bench = new Bench(engine);
  try {
    const checks = await run(bench);
    const worst = checks.reduce((most, next) => (shareOf(next) > shareOf(most) ? next : most));
    return { name, ...worst, passed: shareOf(worst) <= 1, checks: checks.length, kernels: [...bench.kernels] };
  } catch (error) {
    const none = { quantity: 'nothing', error: Number.POSITIVE_INFINITY, tolerance: 0, checks: 0 };
    return { name, ...none, passed: false, kernels: [...bench.kernels], reason: (error as Error).message };
  } finally {
    bench.scope.dispose();
  }
}

/** Of what is allowed. */
function shareOf({ error, tolerance }: Check): number {
  if (error === 0) return 0;
  return tolerance === 0 ? Number.POSITIVE_INFINITY : error / tolerance;
}
