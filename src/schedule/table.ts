/** Which schedule a matrix product runs on: a table by class of adapter and by shape. */

import type { Device } from '../device/device.js';
import { mostOf } from '../host/arrays.js';
import { quadSchedule, registerSchedule, type Schedule, subgroupSchedule, workgroupSchedule } from './schedule.js';

interface ProductShape {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** A GPU's smaller tile is this wide; a product with less in it leaves most of a workgroup idle. */
const smallForGpu = 32;
/** A GPU has up to some hundred processors, and each hides the waits of one workgroup after another. */
const tilesToFillGpu = 128;
/** Up to this many rows or columns most of a square tile would be idle. */
const thin = 4;
/** Multiply-adds below which a register tile of several blocks is not worth the time that it takes to compile. */
const worthCompiling = 5e5;

/** Tiles of subgroups of 4 lanes. */
const quadTiles: readonly {
  readonly blocks: readonly [number, number];
  readonly depth: number;
  /** Time a number of the result, against that of the smallest tile: measured, bench/NOTES.md. */
  readonly cost: number;
  /** Multiply-adds below which some hundred runs do not bring in what it takes longer to compile than the smallest. */
  readonly least: number;
}[] = [
  { blocks: [1, 1], depth: 1, cost: 1, least: 0 },
  { blocks: [2, 2], depth: 1, cost: 0.8, least: 2e6 },
  { blocks: [2, 4], depth: 1, cost: 0.7, least: 3e7 },
  { blocks: [2, 4], depth: 2, cost: 0.64, least: 1.2e8 },
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
export function chooseSchedule(device: Device, key: string, problems: readonly ProductShape[]): Schedule {
  const tuned = device.tuning.get(key);
  return candidates(device).find(({ id }) => id === tuned) ?? tableSchedule(device, problems);
}

/** The schedules among which a tuner may choose on this device. */
export function candidates(device: Device): Schedule[] {
  if (!device.cpu) {
    return [
      workgroupSchedule(2),
      workgroupSchedule(1),
      registerSchedule([8, 8], [1, 1]),
      registerSchedule([8, 8], [2, 2]),
    ];
  }
  return [...squareSchedules(device), registerSchedule([4, 1], [1, 1]), registerSchedule([1, 4], [1, 1])];
}

function squareSchedules({ subgroupSize = 0 }: Device): Schedule[] {
  if (subgroupSize === 4) return quadTiles.map(({ blocks, depth }) => quadSchedule(blocks, depth));
  if (vectorLanes.includes(subgroupSize)) {
    return [
      subgroupSchedule(subgroupSize, mostSharedBlocks, 1),
      subgroupSchedule(subgroupSize, 2 * mostSharedBlocks, 2),
      subgroupSchedule(subgroupSize, 3, 1),
      subgroupSchedule(subgroupSize, 3, 1, true),
    ];
  }
  return [registerSchedule([2, 2], [1, 1]), registerSchedule([2, 2], [2, 2])];
}

function tableSchedule(device: Device, problems: readonly ProductShape[]): Schedule {
  const rows = mostOf(problems, p => p.rows);
  const columns = mostOf(problems, p => p.columns);
  if (!device.cpu) return gpuTileFor(rows, columns, problems.length);
  if (Math.min(rows, columns) <= thin) return registerSchedule(columns <= thin ? [4, 1] : [1, 4], [1, 1]);
  const work = problems.reduce((sum, p) => sum + p.rows * p.columns * p.inner, 0);
  const { subgroupSize = 0 } = device;
  if (subgroupSize === 4) return quadTileFor(rows, columns, work);
  if (vectorLanes.includes(subgroupSize)) return subgroupTileFor(subgroupSize, rows, columns);
  return registerSchedule([2, 2], work < worthCompiling ? [1, 1] : [2, 2]);
}

function gpuTileFor(rows: number, columns: number, count: number): Schedule {
  if (Math.min(rows, columns) < smallForGpu) return registerSchedule([8, 8], [1, 1]);
  const large = workgroupSchedule(2);
  const tiles = Math.ceil(rows / large.tileRows) * Math.ceil(columns / large.tileColumns) * count;
  return tiles < tilesToFillGpu ? workgroupSchedule(1) : large;
}

function quadTileFor(rows: number, columns: number, work: number): Schedule {
  return cheapest(
    quadTiles
      .filter(({ least }) => work >= least)
      .map(({ blocks, depth, cost }) => {
        const schedule = quadSchedule(blocks, depth);
        const { tileRows, tileColumns } = schedule;
        // What lies beyond the edges is computed too.
        const price = cost * Math.ceil(rows / tileRows) * tileRows * Math.ceil(columns / tileColumns) * tileColumns;
        return { schedule, price };
      }),
  );
}

/** The shared lines in as few tiles as may be, of one height; which operand is shared is as the edges fall. */
function subgroupTileFor(lanes: number, rows: number, columns: number): Schedule {
  return cheapest(
    [false, true].map(mirrored => {
      const [shared, own] = mirrored ? [columns, rows] : [rows, columns];
      const tiles = Math.ceil(shared / (4 * mostSharedBlocks));
      const blocks = Math.ceil(shared / (4 * tiles));
      const each = loading + ((1 - loading) * blocks) / mostSharedBlocks;
      return {
        schedule: subgroupSchedule(lanes, blocks, 1, mirrored),
        price: each * tiles * Math.ceil(own / (4 * lanes)),
      };
    }),
  );
}

/** The first of the cheapest. */
function cheapest(offers: readonly { readonly schedule: Schedule; readonly price: number }[]): Schedule {
  return offers.reduce((best, next) => (next.price < best.price ? next : best)).schedule;
}
