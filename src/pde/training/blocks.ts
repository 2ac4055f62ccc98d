/**
 * Grids in blocks: none stacks more than a device binds, and each dispatch on one ends in time there (kernel/pace.ts), of
 * which the contraction of all fields and its VJP take longest. Blocks are cut as the tiles of an evaluation are.
 */

import { layoutOf, type Shape, sizeOf, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Value } from '../../graph/operation.js';
import type { Build } from '../../graph/plan.js';
import { mostOf } from '../../host/arrays.js';
import { within } from '../../host/scope.js';
import { halved, mostInTime, tileStarts } from '../../model/tiles.js';
import { contractFields } from '../../ops/contraction/contractFields.js';
import { fill } from '../../ops/elementwise/fill.js';
import { add } from '../../ops/elementwise/linearCombination.js';
import type { Range } from '../../ops/elementwise/pieces.js';
import { vjp } from '../../ops/vjp.js';
import { type Discretisation, equationsGrid, jetRows, type ProblemGrid, shapeOfRanges } from '../discretisation.js';

/** What acts on grids beside the steps. */
export interface GridUses {
  /** The equations' residual is preconditioned: they stack a table more, its cotangent, and are not cut for time alone. */
  readonly residual?: boolean;
  /** Fields among the tables: their changes are what varies. */
  readonly changes?: boolean;
  /** Which other grids are not cut for time alone. */
  readonly preconditioned?: (grid: ProblemGrid) => boolean;
}

/**
 * With grids cut into blocks of which no stack of fields, tables or residuals takes more than so many bytes. Sums are
 * rounded otherwise where a device's rate is measured anew and found another: a run that is to repeat to the bit sets that (`engine.device.rate`).
 *
 * @param rank of the networks.
 * @throws InputError a grid of which a single point takes more.
 */
export async function inBlocks(
  engine: Engine,
  of: Discretisation,
  rank: number,
  mostBytes: number,
  uses: GridUses = {},
): Promise<Discretisation> {
  const { device } = engine;
  const grids: ProblemGrid[] = [];
  for (const grid of of.grids) {
    const stays = (uses.residual && grid.name === equationsGrid) || uses.preconditioned?.(grid);
    const bytesOf = (shape: Shape) => 4 * partsOf(grid, uses) * layoutOf(shape).length;
    const fitting = (mostPoints: number) =>
      halved(shapeOfRanges(grid.points), shape => bytesOf(shape) <= mostBytes && sizeOf(shape) <= mostPoints);
    const fieldsOn = (shape: Shape) => contraction(of, rank, blocksOf(grid, shape)[0]);
    /** The block, or a smaller one. */
    const inTime = async (block: Shape): Promise<Shape> => {
      const most = mostInTime(device, await engine.dispatchesOf(fieldsOn(block)), sizeOf(block));
      return most < sizeOf(block) ? inTime(fitting(most)) : block;
    };
    const bound = fitting(Number.POSITIVE_INFINITY);
    if (bytesOf(bound) > mostBytes) {
      throw new InputError(
        `${of.problem.name}: a point of ${grid.name} takes ${bytesOf(bound)} bytes, above ${mostBytes}: raise slabBytes`,
      );
    }
    // A processor has no watchdog.
    const isTimed = !stays && !(device.cpu && device.rate === undefined);
    let block = isTimed ? await inTime(bound) : bound;
    if (isTimed && device.rate === undefined && sizeOf(block) < sizeOf(bound)) {
      device.rate = await rateOf(engine, fieldsOn(block));
      block = await inTime(bound);
    }
    grids.push(...blocksOf(grid, block));
  }
  return { ...of, grids };
}

/** FLOP/s of the slowest of a graph's large dispatches. */
function rateOf(engine: Engine, build: Build): Promise<number> {
  return within(async scope => {
    const profiles = await engine.profile(scope.keep(await engine.compile(build)), { rounds: 3 });
    const large = mostOf(profiles, one => one.operations) / 2;
    return 1e9 * Math.min(...profiles.flatMap(({ operations, gflops }) => (operations < large ? [] : [gflops])));
  });
}

/** Parts of the largest stack. */
function partsOf({ name, fields, residuals, count }: ProblemGrid, { residual, changes }: GridUses): number {
  const tables = residuals.tables.length + Number(residual === true && name === equationsGrid);
  return Math.max(fields.length, tables + (changes ? fields.length : 0), count);
}

/** All blocks of a shape, or what is left for one at an edge; the first is of that shape. */
function blocksOf(grid: ProblemGrid, shape: Shape): ProblemGrid[] {
  return Array.from(tileStarts(shapeOfRanges(grid.points), shape), starts => ({
    ...grid,
    points: grid.points.map(([from, to], d): Range => {
      const start = from + starts[d];
      return [start, Math.min(to, start + shape[d])];
    }),
  }));
}

/** All fields of a block and their VJP, from jets of no matter what. */
function contraction(of: Discretisation, rank: number, { points, fields: terms }: ProblemGrid): Build {
  const { orders, counts } = of;
  return graph => {
    const jets = fill(graph, stackOf(orders.map((_, i) => [jetRows(of, i), rank])), 1);
    const fields = contractFields(jets, { axes: counts.length, scale: 1, orders, points, fields: terms });
    return { gradient: vjp(fields, fields, [jets])[0] };
  };
}

/** Sums over blocks, of values by their names: each is added as it comes, so that no two need memory at a time. */
export function summed<T, N extends string>(
  blocks: readonly T[],
  valuesOf: (block: T, index: number) => Readonly<Record<N, Value>>,
): Readonly<Record<N, Value>> {
  const sums: Partial<Record<N, Value>> = {};
  blocks.forEach((block, i) => {
    for (const [name, value] of Object.entries(valuesOf(block, i)) as [N, Value][]) {
      const sum: Value | undefined = sums[name];
      sums[name] = sum ? add(sum, value) : value;
    }
  });
  return sums as Record<N, Value>;
}
