/** The schedules on which every matrix product is tested, and sizes that divide no tile. */

import type { Dispatch } from '../../src/kernel/dispatch.js';
import { registerSchedule, type Schedule } from '../../src/schedule/schedule.js';
import { candidates, gpuTiles } from '../../src/schedule/table.js';
import { compile, device, run } from './gpu.js';
import { emulatedSchedule } from './matrixUnits.js';
import type { Test } from './suite.js';

/**
 * Those that the device may choose among (subgroups only where they are enabled and of one size), a GPU's, and that of matrix
 * units: emulated, and of the least to compile, a matrix for each of four subgroups.
 */
export const schedules: readonly Schedule[] = [
  ...candidates(device),
  ...(device.cpu ? [...gpuTiles().reverse(), registerSchedule([1, 2], [2, 2])] : []),
  emulatedSchedule({ rows: 16, columns: 16, inner: 16, subgroup: 16 }, 32),
];

/**
 * What a kernel is set to that does not concern its schedule, such as an activation: everything on the first schedule of
 * each text, and one in turn on the others of that text, which differ from the first in numbers alone. Each pair is a
 * text of its own, and a processor's driver takes seconds to compile the largest.
 */
export function inTurn<T>(schedule: Schedule, all: readonly T[]): readonly T[] {
  const at = schedules.indexOf(schedule);
  const first = schedules.findIndex(({ text }) => text === schedule.text);
  return at === first ? all : [all[at % all.length]];
}

/** A dispatch or several, and what must be found when they have run. */
export interface Case {
  readonly dispatch: Dispatch | readonly Dispatch[];
  check(): Promise<void>;
}

export interface ScheduleTest {
  title(on: string): string;
  cases(schedule: Schedule): readonly Case[];
}

/** A compiler may be slow, and the first test of a schedule waits for the texts of all. */
const seconds = 300;

/** The first schedule of each text. */
export const firstSchedules = schedules.filter(
  ({ text }, i) => schedules.findIndex(other => other.text === text) === i,
);

/** Every test on every schedule, or on those given. The texts of one schedule are compiled side by side, and each test's cases run in one submit. */
export function testOnSchedules(test: Test, tests: readonly ScheduleTest[], on = schedules): void {
  for (const schedule of on) {
    let all: readonly (readonly Case[])[] | undefined;
    const casesOf = (i: number) => {
      if (!all) {
        all = tests.map(({ cases }) => cases(schedule));
        compile(all.flat().flatMap(({ dispatch }) => dispatch));
      }
      return all[i];
    };
    tests.forEach(({ title }, i) => {
      const body = async () => {
        const cases = casesOf(i);
        await run(cases.flatMap(({ dispatch }) => dispatch));
        for (const { check } of cases) await check();
      };
      test(title(schedule.id), body, seconds);
    });
  }
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
