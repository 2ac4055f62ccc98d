/** What kernels with one thread a number share. */

import type { Device } from '../device/device.js';
import { foldedWorkgroups } from '../kernel/dispatch.js';

const workgroup = 64;

/** The constant and the workgroups of a dispatch over `count` numbers, one thread each. */
export function oneThreadEach(device: Device, count: number) {
  return { constants: { WORKGROUP: workgroup }, workgroups: foldedWorkgroups(count, workgroup, device) };
}
