/**
 * Slabs whose dispatches each end in time on the device at hand (kernel/pace.ts). What takes longest there is the
 * contraction and its VJP, and SepPGD's projections.
 */

import { type Shape, sizeOfAll, stackOf } from '../buffer/layout.js';
import type { Engine } from '../graph/engine.js';
import type { Build } from '../graph/plan.js';
import { mostOf } from '../host/arrays.js';
import { within } from '../host/scope.js';
import { mostInDispatch } from '../kernel/pace.js';
import { onRows, slabsOfHeight } from '../model/fits.js';
import { outputOf } from '../model/forward.js';
import { factorShapes, formOf, type Model, outputShapes } from '../model/model.js';
import { ownRegionsOf, ownShapes } from '../model/parameters.js';
import { fill } from '../ops/elementwise/fill.js';
import type { Range } from '../ops/elementwise/pieces.js';
import { vjp } from '../ops/vjp.js';
import type { Training } from './gradient.js';
import { takesSlabs } from './slabPlans.js';

/** Rows on which a rate is measured: so many fill a tile of a schedule. */
const measuredRows = 16;

/**
 * The slabs as they are, or lower ones. Sums are then rounded otherwise: a run that is to repeat to the bit on a device
 * whose rate is measured anew sets that (`engine.device.rate`).
 */
export async function slabsInTime(training: Training, slabs: readonly Range[]): Promise<readonly Range[]> {
  const { engine, model, preconditioner } = training;
  const { device } = engine;
  const [points] = model.domain.shape;
  const [, height] = slabs[0];
  // A processor has no watchdog, and higher slabs are faster there.
  if ((device.cpu && device.rate === undefined) || !formOf(model).slabs || !takesSlabs(training)) return slabs;
  const ofRows = (rows: number) => contraction(onRows(model, rows));
  const dispatches = await engine.dispatchesOf(ofRows(height));
  const row = Math.max(
    mostOf(preconditioner?.topK ?? [], k => (2 * k * sizeOfAll(outputShapes(model))) / points),
    mostOf(dispatches, ({ work }) => work.operations / height),
  );
  const least = mostInDispatch(row);
  if (height > least) device.rate ??= await rateOf(engine, ofRows(Math.min(least, measuredRows)));
  return slabsOfHeight(points, Math.min(height, mostInDispatch(row, device.rate)));
}

/** FLOP/s of the slowest of a graph's large dispatches. */
export function rateOf(engine: Engine, build: Build): Promise<number> {
  return within(async scope => {
    const profiles = await engine.profile(scope.keep(await engine.compile(build)), { rounds: 3 });
    const large = mostOf(profiles, one => one.operations) / 2;
    return 1e9 * Math.min(...profiles.flatMap(({ operations, gflops }) => (operations < large ? [] : [gflops])));
  });
}

/** A contraction and its VJP, on factor matrices of no matter what. */
function contraction(model: Model): Build {
  return graph => {
    const filled = (shapes: readonly Shape[]) => fill(graph, stackOf(shapes), 1);
    const factors = filled(factorShapes(model));
    const own = ownRegionsOf(model).map(owner => [owner, filled(ownShapes(model, owner))]);
    const output = outputOf(model, factors, Object.fromEntries(own));
    return { gradient: vjp(output, output, [factors])[0] };
  };
}
