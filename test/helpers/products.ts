/** The schedules on which every matrix product is tested, and sizes that divide no tile. */

import { registerSchedule, type Schedule, subgroupSchedule, workgroupSchedule } from '../../src/kernel/schedule.js';
import { device } from './gpu.js';

/** All schedules that the device can run: subgroups only where they are enabled and of one size. */
export const schedules: readonly Schedule[] = [
  registerSchedule([2, 2], [1, 1]),
  registerSchedule([1, 2], [2, 2]),
  registerSchedule([4, 1], [1, 1]),
  workgroupSchedule(),
  ...(device.subgroupSize === 4 || device.subgroupSize === 8
    ? [subgroupSchedule(device.subgroupSize, [1, 1]), subgroupSchedule(device.subgroupSize, [1, 2])]
    : []),
];

export function nameOf({ name, tileRows, tileColumns }: Schedule): string {
  return `${name} ${tileRows} x ${tileColumns}`;
}

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
