/** Which schedule a matrix product runs on: a table by class of adapter and by shape. */

import type { Device } from '../device/device.js';
import { mostOf, totalOf } from '../host/arrays.js';
import { quadSchedule, registerSchedule, type Schedule, subgroupSchedule, workgroupSchedule } from './schedule.js';

export interface ProductProblem {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Products of one dispatch. */
export interface Products {
  readonly problems: readonly ProductProblem[];
  /** Whether only what lies on and above the diagonals is made. */
  readonly upper?: boolean | undefined;
}

/**
 * Workgroups of 256 threads that fill a GPU: about two for each of some 132 processors, as many threads as eight of 64. A power
 * of two, as sizes and tiles are: 264 would take four times as many of a quarter of the size for 512 x 512.
 */
export const workgroupsOnGpu = 256;
/** Up to this many rows or columns most of a square tile would be idle. */
const thin = 4;
/** Multiply-adds below which a register tile of several blocks is not worth the time that it takes to compile. */
const worthCompiling = 5e5;

/** A GPU's tiles, the largest first: the larger, the less is loaded for a number. */
export const gpuTiles = () => [
  workgroupSchedule(16, 2),
  workgroupSchedule(8, 2),
  workgroupSchedule(8, 1),
  workgroupSchedule(4, 1),
];

interface Offer {
  readonly schedule: Schedule;
  /** Time a number of the result, against that of the smallest tile: measured, bench/NOTES.md. */
  readonly cost: number;
  /** Multiply-adds below which some hundred runs do not bring in what it takes longer to compile than the smallest. */
  readonly least?: number;
}

/** Tiles of subgroups of 4 lanes. */
const quadTiles = (): Offer[] => [
  { schedule: quadSchedule([1, 1]), cost: 1 },
  { schedule: quadSchedule([2, 2]), cost: 0.8, least: 2e6 },
  { schedule: quadSchedule([2, 3]), cost: 0.75, least: 2e6 },
  { schedule: quadSchedule([2, 4]), cost: 0.7, least: 3e7 },
  { schedule: quadSchedule([2, 4], 2), cost: 0.64, least: 1.2e8 },
];

/** Lanes of the vectors that a processor's drivers compile to, for which the subgroup schedule is made. */
const vectorLanes = [8, 16];
/** More blocks than these, and the unrolled loop passes the instruction cache. */
const mostSharedBlocks = 8;
/** What a tile costs whatever the number of its shared blocks, as a share of one with the most: what the lanes load. */
const loading = 0.55;

/**
 * What a tuner found for this product on this device, else what the table says.
 *
 * @param key of the product: `Variants.key`.
 */
export function choose(device: Device, key: string, products: Products): Schedule {
  const tuned = candidates(device).find(({ id }) => id === device.tuning.get(key));
  return tuned ?? (device.cpu ? cpuSchedule(device, products.problems) : gpuTile(device, products));
}

/** The schedules among which a tuner may choose on this device; first of each text those that are the table's too. */
export function candidates({ cpu, subgroupSize = 0 }: Device): Schedule[] {
  if (!cpu) return gpuTiles();
  const square =
    subgroupSize === 4
      ? quadTiles().map(({ schedule }) => schedule)
      : vectorLanes.includes(subgroupSize)
        ? [
            subgroupSchedule(subgroupSize, mostSharedBlocks, 1),
            subgroupSchedule(subgroupSize, 3, 1, true),
            subgroupSchedule(subgroupSize, 3, 1),
            subgroupSchedule(subgroupSize, 2 * mostSharedBlocks, 2),
          ]
        : [registerSchedule([2, 2], [1, 1]), registerSchedule([2, 2], [2, 2])];
  return [...square, registerSchedule([4, 1], [1, 1]), registerSchedule([1, 4], [1, 1])];
}

export function cpuSchedule({ subgroupSize = 0 }: Device, problems: readonly ProductProblem[]): Schedule {
  const rows = mostOf(problems, p => p.rows);
  const columns = mostOf(problems, p => p.columns);
  if (Math.min(rows, columns) <= thin) return registerSchedule(columns <= thin ? [4, 1] : [1, 4], [1, 1]);
  const work = totalOf(problems, p => p.rows * p.columns * p.inner);
  if (subgroupSize === 4) {
    const offers = quadTiles().filter(({ least = 0 }) => work >= least);
    // What lies beyond the edges is computed too.
    const along = (points: number, tile: number) => Math.ceil(points / tile) * tile;
    return cheapest(
      offers,
      ({ cost, schedule: { tileRows, tileColumns } }) => cost * along(rows, tileRows) * along(columns, tileColumns),
    ).schedule;
  }
  if (vectorLanes.includes(subgroupSize)) return subgroupTileFor(subgroupSize, rows, columns);
  return registerSchedule([2, 2], work < worthCompiling ? [1, 1] : [2, 2]);
}

/** A tile of what a device has for large products alone: schedule/matrixUnits.ts. */
export type TileOf = (products: Products) => Schedule | undefined;

/** The largest tile of which there are enough to fill the device, where each may be cut into so many parts; else the smallest. */
export function gpuTile({ tileOf }: Device, products: Products, parts = 1): Schedule {
  const tiles = gpuTiles();
  return (
    (tileOf as TileOf | undefined)?.(products) ??
    tiles.find(tile => tilesOf(products, tile) * parts >= workgroupsOnGpu) ??
    (tiles.at(-1) as Schedule)
  );
}

/** Numbers of a result, or of those on and above its diagonal. */
export function numbersOf({ rows, columns }: Omit<ProductProblem, 'inner'>, upper?: boolean): number {
  return upper ? (rows * (rows + 1)) / 2 : rows * columns;
}

/** Workgroups that have something to do. */
export function tilesOf({ problems, upper }: Products, { tileRows, tileColumns }: Schedule): number {
  return totalOf(problems, p =>
    numbersOf({ rows: Math.ceil(p.rows / tileRows), columns: Math.ceil(p.columns / tileColumns) }, upper),
  );
}

/** The shared lines in as few tiles as may be, of one height; which operand is shared is as the edges fall. */
function subgroupTileFor(lanes: number, rows: number, columns: number): Schedule {
  const offers = [false, true].map(mirrored => {
    const [shared, own] = mirrored ? [columns, rows] : [rows, columns];
    const tiles = Math.ceil(shared / (4 * mostSharedBlocks));
    const blocks = Math.ceil(shared / (4 * tiles));
    const each = loading + ((1 - loading) * blocks) / mostSharedBlocks;
    return {
      schedule: subgroupSchedule(lanes, blocks, 1, mirrored),
      price: each * tiles * Math.ceil(own / (4 * lanes)),
    };
  });
  return cheapest(offers, ({ price }) => price).schedule;
}

/** The first of the cheapest. */
function cheapest<T>(offers: readonly T[], priceOf: (offer: T) => number): T {
  return offers.reduce((best, next) => (priceOf(next) < priceOf(best) ? next : best));
}
