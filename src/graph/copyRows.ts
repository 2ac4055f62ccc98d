/** Copies between storages of the same shapes, whose rows may lie at another distance. */

import { columnsOf, type Part, rowsOf } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { mostOf } from '../host/arrays.js';
import { type Dispatch, dispatch, foldedWorkgroups } from '../kernel/dispatch.js';
import * as kernels from '../wgsl/elementwise.js';
import type { Operand } from './operation.js';

const workgroup = 64;

export function copyRows(device: Device, from: Operand, to: Operand): Dispatch[] {
  const problems = from.layout.parts.map((part, i) => {
    const target = to.layout.parts[i] as Part;
    return {
      rows: rowsOf(part.shape),
      columns: columnsOf(part.shape),
      input: part.offset,
      inputStride: part.stride,
      result: target.offset,
      resultStride: target.stride,
    };
  });
  const most = mostOf(problems, p => p.rows * p.columns);
  const [wide, high] = foldedWorkgroups(most, workgroup, device);
  return [
    dispatch(kernels.copyRows, {
      constants: { WORKGROUP: workgroup },
      problems,
      buffers: { input: from.storage, result: to.storage },
      workgroups: [wide, high, problems.length],
    }),
  ];
}
