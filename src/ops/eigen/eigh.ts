/**
 * All eigenpairs of symmetric matrices. Small ones by Jacobi's rotations, a workgroup each; others by way of a tridiagonal
 * matrix (tridiagonal.ts).
 */

import { formatShape, layoutOf, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { apply } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { type Dispatch, dispatch } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/eigen.js';
import { quadsOf } from '../linear/product.js';
import { finestTolerance } from './leadingEigenpairs.js';
import { resolvedDispatch } from './resolved.js';
import { requireSquare } from './square.js';
import { tridiagonalEigenpairs } from './tridiagonal.js';
import { powerOfTwo, soloWorkgroup } from './workgroups.js';

/** The largest matrix that is turned to a diagonal as it is: its triangle fits into workgroup memory. */
const mostForJacobi = kernels.jacobiBatchConstants.MOST_SIZE;
/** The largest matrix: two rows of a tridiagonal one fit into workgroup memory. */
export const mostForEigh = kernels.tridiagonalQlConstants.MOST_SIZE;

const operation: Operation<Record<never, never>> = {
  name: 'eigh',
  shapes: ([matrix]) => {
    requireSquare('eigh', matrix);
    for (const { shape } of matrix.parts) {
      if (shape[0] > mostForEigh) {
        throw new InputError(
          `eigh: a matrix of shape ${formatShape(shape)}: takes up to ${mostForEigh} rows: topEigenpairs finds the largest pairs of more`,
        );
      }
    }
    const vectors = stackOf(matrix.parts.map(({ shape }) => shape));
    return [stackOf(vectors.parts.map(({ shape }) => [shape[0]])), vectors, layoutOf([vectors.parts.length])];
  },
  lower: ({ device, inputs: [matrix], outputs: [values, vectors, resolved] }) => {
    const isSmall = ({ shape }: { readonly shape: readonly number[] }) => shape[0] <= mostForJacobi;
    const indices = matrix.layout.parts.map((_, i) => i);
    const small = indices.filter(i => isSmall(matrix.layout.parts[i]));
    const large = indices.filter(i => !isSmall(matrix.layout.parts[i]));
    const only = ({ layout, storage }: Operand, which: readonly number[]): Operand => ({
      layout: { ...layout, parts: which.map(i => layout.parts[i]) },
      storage,
    });
    const among = (which: readonly number[]) => [matrix, values, vectors].map(operand => only(operand, which));
    const [smallPairs, largePairs] = [among(small), among(large)];
    return [
      ...(small.length > 0 ? [allPairsOfSmall(device, smallPairs[0], smallPairs[1], smallPairs[2])] : []),
      ...(large.length > 0 ? tridiagonalEigenpairs(device, largePairs[0], largePairs[1], largePairs[2]) : []),
      resolvedDispatch(
        matrix.layout.parts.map(({ shape }) => shape),
        values,
        resolved,
      ),
    ];
  },
  notDifferentiable: 'where eigenvalues repeat their vectors have no derivative',
};

/** All pairs of matrices (n, n), n up to 64, of which the lower triangle is read. */
export function allPairsOfSmall(device: Device, matrix: Operand, values: Operand, vectors: Operand): Dispatch {
  const work = scratch(stackOf(matrix.layout.parts.map(({ shape }) => shape)));
  const problems = matrix.layout.parts.map((part, i) => {
    const [target, room] = [quadsOf(vectors.layout.parts[i]), quadsOf(work.layout.parts[i])];
    return {
      size: rowsOf(part.shape),
      matrix: part.offset,
      matrixStride: part.stride,
      vectors: target.first,
      vectorsStride: target.stride,
      work: room.first,
      workStride: room.stride,
      values: values.layout.parts[i].offset,
      tolerance: finestTolerance,
    };
  });
  const size = mostOf(problems, p => p.size);
  return dispatch(kernels.jacobiBatch, {
    constants: {
      WORKGROUP: soloWorkgroup(device, jacobiThreads(size)),
      MOST_SIZE: powerOfTwo(size, 16),
    },
    problems,
    buffers: { matrix: matrix.storage, values: values.storage, vectors: vectors.storage, work: work.storage },
    workgroups: [problems.length, 1, 1],
  });
}

/** About half of the cells of 2 x 2 in the triangle of a matrix. */
function jacobiThreads(size: number): number {
  const cells = (size / 2) ** 2 / 2;
  return Math.min(256, powerOfTwo(cells / 2, 32));
}

/**
 * All eigenvalues, descending, and their eigenvectors as orthonormal rows: |A v - l v| and the deviation of V V^T from
 * the identity stay within 1e-5 (of |A|), the values within n 2^-23 |A|. Nothing is read back, and no magnitude from
 * 1e-30 to 1e30 matters. A matrix that holds a NaN or an infinity has NaN for all its pairs.
 *
 * @param matrix symmetric, (n, n), n from 1 to 1024, or a stack of such.
 * @returns `values` (n) and `vectors` (n, n) for each matrix; `resolved` (matrices), as u32: how many of its values
 *   float32 tells from rounding, |l| > n 2^-23 max |l|. What `read` gives of it are those bits:
 *   `new Uint32Array(numbers.buffer)`.
 * @throws InputError a matrix that is not square, or too large.
 */
export function eigh(matrix: Value): { values: Value; vectors: Value; resolved: Value } {
  const [values, vectors, resolved] = apply(operation, [matrix], {});
  return { values, vectors, resolved };
}
