/** What kernels with one workgroup per matrix share. */

import type { Device } from '../../device/device.js';

/** Invocations of a workgroup that has a matrix to itself: on a CPU adapter what runs in step, as a barrier is dear there. */
export function soloWorkgroup({ cpu, lanes = 4, limits }: Device, most = 256): number {
  return cpu ? lanes : Math.min(most, limits.maxComputeInvocationsPerWorkgroup);
}

/** Invocations of a workgroup of a kernel that has no barrier. */
export function freeWorkgroup({ cpu, lanes = 4 }: Device, most = 64): number {
  return cpu ? lanes : most;
}

/** The power of two from `least` on that is not below `value`: sizes that share it share a compiled kernel. */
export function powerOfTwo(value: number, least: number): number {
  return Math.max(least, 2 ** Math.ceil(Math.log2(value)));
}
