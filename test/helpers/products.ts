/** The schedules on which every matrix product is tested, and sizes that divide no tile. */

import { registerSchedule, type Schedule, workgroupSchedule } from '../../src/kernel/schedule.js';
import { candidates } from '../../src/kernel/scheduleTable.js';
import { device } from './gpu.js';

/** Those that the device may choose among (subgroups only where they are enabled and of one size), and a GPU's. */
export const schedules: readonly Schedule[] = [
  ...candidates(device),
  ...(device.cpu ? [workgroupSchedule(1), workgroupSchedule(2), registerSchedule([1, 2], [2, 2])] : []),
];

/** rows, columns, inner: one, small primes, about a tile and past one, past one workgroup. */
export const productSizes: readonly [number, number, number][] = [
  [1, 1, 1],
  [3, 2, 5],
  [16, 16, 16],
  [33, 31, 17],
  [5, 130, 66],
  [129, 67, 70],
];

/** What rounding in f32 may do to a running sum of `inner` products of numbers up to 1. */
export function productTolerance(inner: number): { absolute: number; relative: number } {
  return { absolute: 4e-7 * Math.sqrt(inner) + 2e-7, relative: 1e-6 };
}
