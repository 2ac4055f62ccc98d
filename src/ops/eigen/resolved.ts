/** How many of a matrix's eigenvalues float32 tells from rounding: those with |l| > n 2^-23 max |l|. */

import type { Shape } from '../../buffer/layout.js';
import { rowsOf } from '../../buffer/layout.js';
import type { Operand } from '../../graph/operation.js';
import { type Dispatch, dispatch } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/eigen.js';

/** @param shapes of the matrices, (n, n) each. @param result (matrices), as u32. */
export function resolvedDispatch(shapes: readonly Shape[], values: Operand, result: Operand): Dispatch {
  const problems = values.layout.parts.map(({ shape: [count], offset }, i) => ({
    count,
    size: rowsOf(shapes[i]),
    values: offset,
    result: result.layout.parts[0].offset + i,
  }));
  return dispatch(kernels.resolved, {
    problems,
    buffers: { values: values.storage, result: result.storage },
    workgroups: [Math.ceil(problems.length / kernels.resolvedConstants.WORKGROUP), 1, 1],
  });
}
