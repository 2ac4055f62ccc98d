/** Symmetric matrices completed from what stands on and above their diagonals. */

import { quad, rowsOf } from '../../buffer/layout.js';
import type { Operand } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { type Dispatch, dispatch } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/linear.js';
import { quadsOf } from './product.js';

/** Along each side: one thread per block of 4 x 4 numbers. */
const workgroup = 8;

/** Writes what stands below the diagonals from what stands above. */
export function mirrorDispatch(matrix: Operand): Dispatch {
  const problems = matrix.layout.parts.map(part => {
    const { first, stride } = quadsOf(part);
    return { size: rowsOf(part.shape), matrix: first, stride };
  });
  const wide = Math.ceil(mostOf(problems, ({ size }) => size) / (quad * workgroup));
  return dispatch(kernels.mirror, {
    constants: { WORKGROUP: workgroup },
    problems,
    buffers: { matrix: matrix.storage },
    workgroups: [wide, wide, problems.length],
  });
}
