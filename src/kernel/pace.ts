/**
 * How work is cut by time, since watchdogs end by time what runs on a GPU: some a dispatch, some a submit, after one to ten
 * seconds, and a screen that the same GPU draws stands still for as long. Pure arithmetic: what a device is expected to take
 * goes in, where to cut comes out.
 */

import { sizeOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { shown } from '../host/checks.js';
import type { Dispatch, Work } from './dispatch.js';

/** Milliseconds that one dispatch may last, and one submit. */
export const dispatchMilliseconds = 50;
export const submitMilliseconds = 250;
/** As much as stretches of a dispatch go in one for, once they have been measured: the average, of which the fullest may have more. */
export const togetherMilliseconds = dispatchMilliseconds / 4;
/** FLOP/s of products on the slowest device that matters, a phone: what is taken for one of which nothing is known. */
export const leastRate = 5e10;
/** Dispatches in one submit, some 16 steps: they are encoded in a millisecond or two, in which the device has the ones before. */
export const mostDispatches = 256;
/** Submits under way at once: the device goes from one to the next, and an error or an end is no further away. */
export const mostSubmits = 2;

/** What a byte that passes takes, in operations, and beginning a dispatch, in milliseconds. */
const operationsPerByte = 4;
const startMilliseconds = 0.01;
/** So many workgroups fill a device: fewer have as much less of its rate. */
const fillingWorkgroups = 16;

type Timed = Pick<Dispatch, 'work' | 'workgroups' | 'fullest'>;

/** Operations that one dispatch may have on a device of a rate in FLOP/s, where it is known. @throws InputError what is no rate. */
export function operationsInTime(rate = leastRate): number {
  if (!(Number.isFinite(rate) && rate > 0)) throw new InputError(`rate: ${shown(rate)}: use FLOP/s > 0`);
  return (rate * dispatchMilliseconds) / 1000;
}

/**
 * How much one dispatch may have of what takes so many operations each, on a device of a rate in FLOP/s, where it is known: 1
 * at the least.
 *
 * @throws InputError what is no rate.
 */
export function mostInDispatch(operationsOfEach: number, rate?: number): number {
  return Math.max(1, Math.floor(operationsInTime(rate) / operationsOfEach));
}

/** Operations, for the bytes that pass too. */
export function weightOf({ operations, bytes }: Work): number {
  return operations + operationsPerByte * bytes;
}

/** What the fullest of a dispatch's workgroups has, in operations: for the bytes that pass too. */
export function operationsOfFullest({ work, workgroups, fullest = 0 }: Timed): number {
  return Math.max(fullest, weightOf(work) / sizeOf(workgroups));
}

/** How many workgroups of so many operations end in time in one dispatch: those that fill a device at the least, since fewer take as long. */
export function workgroupsInTime(operations: number, rate?: number): number {
  return Math.max(fillingWorkgroups, Math.floor(operationsInTime(rate) / operations));
}

/** Milliseconds that a dispatch is expected to take before it has run: on purpose rather many. */
export function expectedMilliseconds({ work, workgroups }: Timed, rate = leastRate): number {
  const share = Math.min(1, sizeOf(workgroups) / fillingWorkgroups);
  return startMilliseconds + (1000 * weightOf(work)) / (rate * share);
}

/**
 * Where a submit ends: after as many whole runs of a plan as it has room for, and within a run where that alone is too much.
 *
 * @param expected milliseconds of each dispatch of the plan.
 * @param at index of the submit's first dispatch of the plan, in a line of its runs one after the other.
 * @param end of that line.
 * @param before dispatches that the submit has already, and their milliseconds.
 * @returns the index after its last; `at` where nothing has room beside what it has.
 */
export function endOfSubmit(
  expected: ArrayLike<number>,
  at: number,
  end: number,
  before: number,
  milliseconds: number,
): number {
  let whole = at;
  for (let i = at, time = milliseconds; i < end; i++) {
    time += expected[i % expected.length];
    if (time > submitMilliseconds || before + i - at >= mostDispatches) {
      return whole > at || before > 0 ? whole : Math.max(i, at + 1);
    }
    if ((i + 1) % expected.length === 0) whole = i + 1;
  }
  return end;
}

/** How many runs take as long as a submit may, after so many took so many milliseconds. */
export function runsOfSubmit(runs: number, milliseconds: number): number {
  return Math.ceil((runs * submitMilliseconds) / milliseconds);
}

/** How far one measurement may change what is expected: the first also has what a driver compiles, and two may be seen as one. */
const [leastChange, mostChange] = [1 / 2, 8];

/** By what to multiply what was expected of dispatches which then took so many milliseconds. */
export function correction(expected: number, took: number): number {
  return Math.min(mostChange, Math.max(leastChange, took / expected));
}
