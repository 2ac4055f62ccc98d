/** The leading eigenpairs of symmetric matrices that may be indefinite: as of others, on A + s I. */

import { columnsOf, layoutOf, quad, rowsOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { applyOne } from '../../graph/apply.js';
import type { Operand, Operation, Value } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/eigen.js';
import { quadsOf } from '../linear/product.js';
import { type LeadingAttributes, leadingEigenpairs, type Shifting } from './leadingEigenpairs.js';
import { resolvedDispatch } from './resolved.js';
import { soloWorkgroup } from './workgroups.js';

/** How the leading eigenpairs are iterated. */
export type TopEigenpairsAttributes = Omit<LeadingAttributes, 'shifting'> & {
  /**
   * Whether the matrix may have negative eigenvalues as large as those wanted, false by default. The iteration is then on
   * A + s I, s from Gershgorin's circles: it converges by (l_{b+1} + s) / (l_k + s), and takes more turns the larger s is.
   */
  readonly indefinite?: boolean;
};

/** s from Gershgorin's circles. */
const gershgorin: Shifting = { bound: boundDispatch, shift: shiftDispatch };

function boundDispatch(device: Device, matrix: Operand, bound: Operand): Dispatch {
  const problems = matrix.layout.parts.map((part, i) => {
    const { first, stride } = quadsOf(part);
    return { size: rowsOf(part.shape), matrix: first, stride, bound: i };
  });
  return dispatch(kernels.gershgorin, {
    constants: { WORKGROUP: soloWorkgroup(device) },
    problems,
    buffers: { matrix: matrix.storage, bound: bound.storage },
    workgroups: [problems.length, 1, 1],
  });
}

function shiftDispatch(device: Device, vectors: Operand, shift: Operand, result: Operand): Dispatch {
  const problems = vectors.layout.parts.map((part, i) => {
    const [from, to] = [quadsOf(part), quadsOf(result.layout.parts[i])];
    return {
      rows: rowsOf(part.shape),
      columns: columnsOf(part.shape),
      vectors: from.first,
      vectorsStride: from.stride,
      result: to.first,
      resultStride: to.stride,
      shift: i,
    };
  });
  return dispatch(kernels.shift, {
    ...oneThreadEachOf(
      device,
      vectors.layout.parts.map(({ shape, stride }) => (rowsOf(shape) * stride) / quad),
    ),
    problems,
    buffers: { vectors: vectors.storage, shift: shift.storage, result: result.storage },
  });
}

const resolvedOperation: Operation<undefined> = {
  name: 'resolved',
  shapes: ([values]) => [layoutOf([values.parts.length])],
  lower: ({ inputs: [values, matrix], outputs: [result] }) => [
    resolvedDispatch(
      matrix.layout.parts.map(({ shape }) => shape),
      values,
      result,
    ),
  ],
  notDifferentiable: 'it counts',
};

/**
 * Leading eigenvalues, descending, and their eigenvectors as orthonormal rows, by block subspace iteration and
 * Rayleigh-Ritz (Golub and Van Loan, sections 8.2.4 and 8.3.4).
 *
 * @param matrix symmetric, (n, n), or a stack of such.
 * @param start (b, n) for each, `blockSize(n, k)` rows for the k leading pairs: where the iteration begins, the vectors of
 *   the last time or random ones. Rows of zeros begin as fixed vectors of signs, one turn later. Its memory takes the
 *   vectors where nobody else needs it.
 * @returns `values` (b), and `vectors` (b, n) for each matrix; `resolved`, (matrices), as u32: how many of the values
 *   float32 tells from rounding, |l| > n 2^-23 max |l|.
 * @throws InputError a matrix that is not square, or a start that does not fit it.
 */
export function topEigenpairs(
  matrix: Value,
  start: Value,
  options: TopEigenpairsAttributes,
): { values: Value; vectors: Value; resolved: Value } {
  requireOptions('topEigenpairs', options, { iterations: true, tolerance: true, indefinite: true });
  const { indefinite = false, ...attributes } = options;
  const pairs = leadingEigenpairs(matrix, start, { ...attributes, ...(indefinite && { shifting: gershgorin }) });
  return { ...pairs, resolved: applyOne(resolvedOperation, [pairs.values, matrix], undefined) };
}
