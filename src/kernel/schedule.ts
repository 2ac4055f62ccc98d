/** Which schedule a matrix product runs on: a table by class of adapter and by shape. */

import type { Device } from '../device/device.js';
import type { ScheduleName } from './catalogue.js';

export interface Schedule {
  /** The name and what it is set to, by which a tuner remembers it. */
  readonly id: string;
  readonly name: ScheduleName;
  readonly constants: Readonly<Record<string, number>>;
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Invocations of a workgroup. */
  readonly invocations: number;
}

interface ProductShape {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** Register tiles of (4 blocks) x (4 blocks) a thread, lanes x lanes threads a workgroup. */
export function registerSchedule(lanes: [number, number], blocks: [number, number]): Schedule {
  return {
    id: `register ${lanes.join('x')} ${blocks.join('x')}`,
    name: 'register',
    constants: { LANE_ROWS: lanes[0], LANE_COLUMNS: lanes[1], LEFT_BLOCKS: blocks[0], RIGHT_BLOCKS: blocks[1] },
    tileRows: 4 * lanes[0] * blocks[0],
    tileColumns: 4 * lanes[1] * blocks[1],
    invocations: lanes[0] * lanes[1],
  };
}

export function subgroupSchedule(size: number, blocks: [number, number]): Schedule {
  return {
    id: `subgroup ${size} ${blocks.join('x')}`,
    name: 'subgroup',
    constants: { SUBGROUP: size, LEFT_BLOCKS: blocks[0], RIGHT_BLOCKS: blocks[1] },
    tileRows: 4 * size * blocks[0],
    tileColumns: 4 * size * blocks[1],
    invocations: size,
  };
}

export function workgroupSchedule(): Schedule {
  return { id: 'workgroup', name: 'workgroup', constants: {}, tileRows: 64, tileColumns: 64, invocations: 64 };
}

/** A GPU's tile is this wide; a product with less in it leaves most of a workgroup idle. */
const smallForGpu = 32;
/** Up to this many rows or columns most of a square tile would be idle. */
const thin = 4;
/** Multiply-adds below which a larger tile is not worth the time that it takes to compile. */
const worthCompiling = 5e5;

interface Tile {
  readonly blocks: [number, number];
  /** Time a number of the result, against that of the smallest tile: measured, bench/NOTES.md. */
  readonly cost: number;
}

/** By subgroup size. */
const tiles: Readonly<Record<number, readonly Tile[]>> = {
  4: [
    { blocks: [1, 1], cost: 1 },
    { blocks: [1, 2], cost: 0.8 },
    { blocks: [2, 2], cost: 0.7 },
  ],
  8: [
    { blocks: [1, 1], cost: 1 },
    { blocks: [2, 1], cost: 0.9 },
    { blocks: [1, 2], cost: 0.9 },
  ],
};

/**
 * What a tuner found for this product on this device, else what the table says.
 *
 * @param key of the product: `Dispatch.product`.
 */
export function chooseSchedule(device: Device, key: string, problems: readonly ProductShape[]): Schedule {
  const tuned = device.tuning.get(key);
  return candidates(device).find(({ id }) => id === tuned) ?? tableSchedule(device, problems);
}

/** The schedules among which a tuner may choose on this device. */
export function candidates(device: Device): Schedule[] {
  if (!device.cpu) return [workgroupSchedule(), registerSchedule([8, 8], [1, 1]), registerSchedule([8, 8], [2, 2])];
  const { subgroupSize = 0 } = device;
  const square = tiles[subgroupSize]?.map(({ blocks }) => subgroupSchedule(subgroupSize, blocks)) ?? [
    registerSchedule([2, 2], [1, 1]),
    registerSchedule([2, 2], [2, 2]),
  ];
  return [...square, registerSchedule([4, 1], [1, 1]), registerSchedule([1, 4], [1, 1])];
}

function tableSchedule(device: Device, problems: readonly ProductShape[]): Schedule {
  const rows = Math.max(...problems.map(p => p.rows));
  const columns = Math.max(...problems.map(p => p.columns));
  if (!device.cpu) {
    return Math.min(rows, columns) < smallForGpu ? registerSchedule([8, 8], [1, 1]) : workgroupSchedule();
  }
  if (Math.min(rows, columns) <= thin) return registerSchedule(columns <= thin ? [4, 1] : [1, 4], [1, 1]);
  const small = problems.reduce((sum, p) => sum + p.rows * p.columns * p.inner, 0) < worthCompiling;
  const { subgroupSize = 0 } = device;
  const known = tiles[subgroupSize];
  if (!known) return registerSchedule([2, 2], small ? [1, 1] : [2, 2]);
  if (small) return subgroupSchedule(subgroupSize, known[0].blocks);
  // What lies beyond the edges is computed too.
  const cost = ({ tileRows, tileColumns }: Schedule, each: number) =>
    each * Math.ceil(rows / tileRows) * tileRows * Math.ceil(columns / tileColumns) * tileColumns;
  const priced = known.map(tile => {
    const schedule = subgroupSchedule(subgroupSize, tile.blocks);
    return { schedule, price: cost(schedule, tile.cost) };
  });
  return priced.reduce((best, next) => (next.price < best.price ? next : best)).schedule;
}
