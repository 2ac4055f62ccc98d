/** Copies between storages of the same shapes, whose rows may lie at another distance. */

import { columnsOf, type Part, rowsOf } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../kernel/dispatch.js';
import * as kernels from '../wgsl/elementwise.js';
import type { Operand } from './operation.js';

/** Dispatches that copy every part of `from` to the part of the same shape of `to`, whatever their strides. */
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
  return [
    dispatch(kernels.copyRows, {
      ...oneThreadEachOf(
        device,
        problems.map(p => p.rows * p.columns),
      ),
      problems,
      buffers: { input: from.storage, result: to.storage },
    }),
  ];
}
