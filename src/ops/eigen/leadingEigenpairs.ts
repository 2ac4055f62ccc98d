/**
 * The leading eigenpairs of symmetric matrices: block subspace iteration from a given start, then Rayleigh-Ritz (Golub
 * and Van Loan, section 8.2.4 and 8.3.4). A small matrix of which all pairs are asked is turned to a diagonal directly.
 */

import { columnsOf, formatShape, type Layout, layoutOf, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { apply, requireSameHeight } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import type { Value } from '../../graph/operation.js';
import { noGradientFlows, type Operand, type Operation, scratch } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { requireCount } from '../../host/checks.js';
import { type Dispatch, dispatch } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/eigen.js';
import { multiplyStacks, placesOf, quadsOf } from '../linear/product.js';
import { requireSquare } from './square.js';
import { soloWorkgroup } from './workgroups.js';

/** Matrices up to this size are turned to a diagonal as they are. */
const directSize = 32;
/** Vectors iterated beyond those asked for: convergence goes by the first eigenvalue left out. */
const guardVectors = 8;
/** Rows of a start: what Gram-Schmidt and Jacobi keep of them fits into workgroup memory. */
const mostRows = 1024;

/** The largest k of which so many points have eigenpairs that can be found. */
export function mostTopK(points: number): number {
  return points <= mostRows ? points : mostRows - guardVectors;
}

/** Eigenvectors that are kept and iterated where the k largest of n are wanted. */
export function blockSize(points: number, top: number): number {
  return points <= directSize ? points : Math.min(points, top + guardVectors);
}

/** Whether all pairs of such matrices are found, by turning each to a diagonal as it is. */
export function isDirect({ parts }: Layout): boolean {
  return parts.every(({ shape }) => columnsOf(shape) <= directSize);
}

export interface LeadingAttributes {
  /** Turns of the subspace iteration, from 1; matrices of up to 32 rows are turned to a diagonal without it. */
  readonly iterations: number;
  /**
   * Elements v_i A v_j up to so many times sqrt(l_i l_j) are left standing off the diagonal: 5e-8 by default, what
   * float32 resolves. A preconditioner S = I - V^T diag(1 - l_k / l_i) V is off by no more than that.
   */
  readonly tolerance?: number;
  /**
   * What makes the iteration one on A + s I, for a matrix that may have negative eigenvalues as large as those wanted:
   * `gershgorin` of topEigenpairs.ts. None by default. It converges by (l_{b+1} + s) / (l_k + s): the larger s is, the more turns it takes.
   */
  readonly shifting?: Shifting;
}

/** s of every matrix of a stack, and X A + s X from X A. */
export interface Shifting {
  /** Writes one s a matrix. */
  bound(device: Device, matrix: Operand, shift: Operand): Dispatch;
  /** Adds s X to a product X A, in its place. */
  shift(device: Device, vectors: Operand, shift: Operand, product: Operand): Dispatch;
}

export const finestTolerance = 5e-8;

const operation: Operation<LeadingAttributes> = {
  name: 'topEigenpairs',
  updates: [undefined, 1],
  shapes: ([matrix, start], { iterations }) => {
    requireCount('topEigenpairs: iterations', iterations, 1, 2 ** 31);
    requireStart(matrix, start);
    return [stackOf(start.parts.map(({ shape }) => [rowsOf(shape)])), start];
  },
  lower: site => (isDirect(site.inputs[0].layout) ? lowerDirect(site) : lowerIterated(site)),
  notDifferentiable: noGradientFlows,
};

type Lowering = Parameters<Operation<LeadingAttributes>['lower']>[0];

function lowerDirect({ device, inputs: [matrix], outputs: [values, vectors] }: Lowering): Dispatch[] {
  const work = scratch(matrix.layout); // the Jacobi rotations destroy what they turn
  return [...copyRows(device, matrix, work), jacobiDispatch(device, work, values, vectors)];
}

function lowerIterated(site: Lowering): Dispatch[] {
  const { device, attributes, inputs, outputs } = site;
  const [matrix, start] = inputs;
  const [values, vectors] = outputs;
  const { iterations, tolerance, shifting } = attributes;
  const shift = scratch(layoutOf([matrix.layout.parts.length]));
  const dispatches: Dispatch[] = shifting ? [shifting.bound(device, matrix, shift)] : [];
  let basis = start;
  for (let i = 0; i < iterations; i++) {
    const next = scratch(start.layout);
    dispatches.push(...multiplyStacks(device, basis, matrix, next));
    if (shifting) dispatches.push(shifting.shift(device, basis, shift, next));
    dispatches.push(orthonormaliseDispatch(device, next));
    basis = next;
  }
  const image = scratch(start.layout);
  const small = scratch(stackOf(start.layout.parts.map(({ shape }) => [rowsOf(shape), rowsOf(shape)])));
  const rotation = scratch(small.layout);
  dispatches.push(
    ...multiplyStacks(device, basis, matrix, image),
    ...multiplyStacks(device, image, basis, small, { transposeRight: true }),
    jacobiDispatch(device, small, values, rotation, tolerance),
    ...multiplyStacks(device, rotation, basis, vectors),
  );
  return dispatches;
}

/** Makes the rows of each matrix of a stack orthonormal, in place. */
export function orthonormaliseDispatch(device: Device, matrix: Operand): Dispatch {
  const problems = matrix.layout.parts.map(part => {
    const { first, stride } = quadsOf(part);
    return { rows: rowsOf(part.shape), columns: columnsOf(part.shape), matrix: first, stride };
  });
  return dispatch(device.cpu ? kernels.orthonormalise : kernels.orthonormalisePanels, {
    constants: { WORKGROUP: soloWorkgroup(device) },
    problems,
    buffers: { matrix: matrix.storage },
    workgroups: [problems.length, 1, 1],
  });
}

function jacobiDispatch(
  device: Device,
  matrix: Operand,
  values: Operand,
  vectors: Operand,
  tolerance = finestTolerance,
): Dispatch {
  const work = scratch(matrix.layout);
  const problems = matrix.layout.parts.map((part, i) => ({
    size: rowsOf(part.shape),
    matrix: part.offset,
    matrixStride: part.stride,
    ...placesOf({ vectors: vectors.layout.parts[i], work: work.layout.parts[i] }),
    values: values.layout.parts[i].offset,
    tolerance,
  }));
  const largest = mostOf(problems, p => p.size);
  const pairs = Math.ceil(largest / 2);
  const triangle = (largest * (largest + 1)) / 2;
  // Beside it workgroup memory has two indices, a cosine and a sine a pair, and three numbers: each variable in 16 bytes.
  const fits = !device.cpu && 4 * triangle + 16 * (pairs + 6) <= device.limits.maxComputeWorkgroupStorageSize;
  return dispatch(kernels.jacobi, {
    constants: {
      WORKGROUP: soloWorkgroup(device),
      // Else one text serves all sizes.
      ...(fits && { MOST_PAIRS: pairs, TRIANGLE: triangle }),
    },
    problems,
    buffers: { matrix: matrix.storage, values: values.storage, vectors: vectors.storage, work: work.storage },
    workgroups: [problems.length, 1, 1],
  });
}

function requireStart(matrix: Layout, start: Layout): void {
  requireSameHeight('topEigenpairs', matrix, start);
  requireSquare('topEigenpairs', matrix);
  matrix.parts.forEach(({ shape: [n] }, i) => {
    const { shape } = start.parts[i];
    const [rows, columns] = shape;
    const [least, most] = [n <= directSize ? n : 1, Math.min(n, mostRows)];
    if (columns === n && rows >= least && rows <= most) return;
    throw new InputError(
      `topEigenpairs: a matrix of ${n} rows starts from ${least} to ${most} of ${n} numbers, got ${formatShape(shape)}`,
    );
  });
}

/**
 * Leading eigenvalues, descending, and their eigenvectors as orthonormal rows.
 *
 * @param matrix symmetric, (n, n), or a stack of such.
 * @param start (b, n): where the iteration begins, the vectors of the last time or random ones; b from `blockSize`. Rows
 *   of zeros begin as fixed vectors of signs, one turn later. The first b - 8 pairs of the result converge fast. Its memory
 *   takes the vectors where nobody else needs it.
 * @returns values (b) and vectors (b, n) for each matrix.
 * @throws InputError a matrix that is not square, or a start that does not fit it.
 */
export function leadingEigenpairs(
  matrix: Value,
  start: Value,
  attributes: LeadingAttributes,
): { values: Value; vectors: Value } {
  const [values, vectors] = apply(operation, [matrix, start], attributes);
  return { values, vectors };
}
