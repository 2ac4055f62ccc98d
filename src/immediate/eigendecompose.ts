/**
 * Eigenpairs of matrices that the host holds: checked before anything is allocated, computed on the device, read back.
 * Matrices that are on the device already go through `eigh` and `topEigenpairs`.
 */

import { formatShape, type Shape } from '../buffer/layout.js';
import { InputError, RunError } from '../errors.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import { countsIn, mostOf } from '../host/arrays.js';
import { requireCount, requireFlag, requireList, requireOptions } from '../host/checks.js';
import { within } from '../host/scope.js';
import { eigh, mostForEigh } from '../ops/eigen/eigh.js';
import { blockSize, mostTopK } from '../ops/eigen/leadingEigenpairs.js';
import { topEigenpairs } from '../ops/eigen/topEigenpairs.js';

/** Whether all eigenpairs are found, or the largest by iteration, and how that goes. */
export interface EigendecomposeOptions {
  /**
   * k: only the k largest pairs, by iteration, from 1 to n, or to 1016 where n is more than 1024; all where it is
   * absent.
   */
  readonly topK?: number;
  /** (k, n) for each matrix: where that iteration begins, such as the vectors of a matrix near this one. */
  readonly start?: ArrayLike<number>;
  /**
   * Whether eigenvalues may be negative and as large as those wanted, true by default. Where they are not, as of a Gram
   * matrix or a tangent kernel, the iteration takes fewer turns.
   */
  readonly indefinite?: boolean;
  /** The most turns of that iteration, from 1, in tens; 2000 by default. */
  readonly mostIterations?: number;
}

/** Eigenpairs of one symmetric matrix A: A v = l v. */
export interface Eigendecomposition {
  /** Descending: n, or k. */
  readonly values: Float32Array;
  /** Orthonormal rows, (n or k, n). */
  readonly vectors: Float32Array;
  /** How many of the values float32 tells from rounding: |l| > n 2^-23 max |l|. */
  readonly resolved: number;
}

const known = { topK: true, start: true, indefinite: true, mostIterations: true } as const;

/** Of the k largest pairs: `start` alone may be absent. */
type SettledOptions = Required<Omit<EigendecomposeOptions, 'start'>> & Pick<EigendecomposeOptions, 'start'>;

/** The largest matrix of which the k largest pairs are found. */
const mostForTop = 4096;
/** An iteration ends when |A v - l v| <= residual |A| for all of the k pairs. */
const residual = 1e-5;
/** Turns from one look at the residual to the next. */
const turns = 10;

/**
 * Eigenvalues, descending, and eigenvectors of a symmetric matrix, or of several.
 *
 * @param shape (n, n), or (b, n, n); n up to 1024, or up to 4096 where only the `topK` largest pairs are asked.
 * @param values row-major, matrix after matrix.
 * @returns one per matrix.
 * @throws InputError before any allocation: matrices that are not square, not finite or not symmetric beyond rounding
 *   (|a_ij - a_ji| > n 2^-23 max |a|); a k out of range; a start that does not fit.
 * @throws RunError an iteration that does not converge.
 */
export async function eigendecompose(
  engine: Engine,
  shape: Shape,
  values: ArrayLike<number>,
  options: EigendecomposeOptions = {},
): Promise<[Eigendecomposition, ...Eigendecomposition[]]> {
  requireEngine(engine);
  requireOptions('eigendecompose', options, known);
  requireList('eigendecompose: shape', shape, 'give [n, n] or [b, n, n]');
  requireList('eigendecompose: values', values, 'give numbers');
  const { count, size } = requireSizes(shape, values, options.topK);
  for (let i = 0; i < count; i++) requireSymmetric(values, i, size, count);
  return (await pairsOf(engine, values, count, size, options)) as [Eigendecomposition, ...Eigendecomposition[]];
}

function pairsOf(
  engine: Engine,
  values: ArrayLike<number>,
  count: number,
  size: number,
  options: EigendecomposeOptions,
): Promise<Eigendecomposition[]> {
  const { topK, indefinite = true, mostIterations = 2000 } = options;
  requireFlag('eigendecompose: indefinite', indefinite);
  requireCount('eigendecompose: mostIterations', mostIterations, 1, 2 ** 31);
  if (topK === undefined) return all(engine, values, count, size);
  if (options.start && options.start.length !== count * topK * size) {
    throw new InputError(`eigendecompose: start: takes ${count * topK * size} numbers, got ${options.start.length}`);
  }
  return largest(engine, values, count, size, { ...options, topK, indefinite, mostIterations });
}

function requireSizes(shape: Shape, values: ArrayLike<number>, topK?: number): { count: number; size: number } {
  const [count, size, columns] = shape.length === 2 ? [1, ...shape] : shape;
  if ((shape.length !== 2 && shape.length !== 3) || size !== columns) {
    throw new InputError(`eigendecompose: shape ${formatShape(shape)}: takes square matrices, (n, n) or (b, n, n)`);
  }
  const most = topK === undefined ? mostForEigh : mostForTop;
  if (!(Number.isInteger(size) && size >= 1 && size <= most && Number.isInteger(count) && count >= 1)) {
    const remedy = topK === undefined ? `: with topK, up to ${mostForTop}` : '';
    throw new InputError(`eigendecompose: shape ${formatShape(shape)}: n is 1 to ${most}${remedy}`);
  }
  if (values.length !== count * size * size) {
    throw new InputError(
      `eigendecompose: shape ${formatShape(shape)} takes ${count * size * size} numbers, got ${values.length}`,
    );
  }
  const largestK = mostTopK(size);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1 && topK <= largestK)) {
    throw new InputError(`eigendecompose: topK ${topK} of a matrix of ${size} rows: use 1 to ${largestK}`);
  }
  return { count, size };
}

function requireSymmetric(values: ArrayLike<number>, matrix: number, size: number, count: number): void {
  const first = matrix * size * size;
  const name = count > 1 ? `matrix ${matrix}` : 'the matrix';
  let most = 0;
  for (let at = first; at < first + size * size; at++) {
    if (!Number.isFinite(Math.fround(values[at]))) {
      const [row, column] = [Math.floor((at - first) / size), (at - first) % size];
      throw new InputError(
        `eigendecompose: ${name} holds ${values[at]} at (${row}, ${column}): use finite float32 numbers`,
      );
    }
    most = Math.max(most, Math.abs(values[at]));
  }
  let worst = { difference: 0, row: 0, column: 0 };
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < row; column++) {
      const difference = Math.abs(values[first + row * size + column] - values[first + column * size + row]);
      if (difference > worst.difference) worst = { difference, row, column };
    }
  }
  if (worst.difference > size * 2 ** -23 * most) {
    const share = (worst.difference / most).toPrecision(2);
    throw new InputError(
      `eigendecompose: ${name} is not symmetric: (${worst.row}, ${worst.column}) and its mirror image differ by ${share} of the largest element: use (A + A^T) / 2`,
    );
  }
}

function all(engine: Engine, values: ArrayLike<number>, count: number, size: number): Promise<Eigendecomposition[]> {
  return within(async scope => {
    const matrix = scope.keep(engine.stack(shapes(count, [size, size]), Float32Array.from(values)));
    const plan = scope.keep(await engine.compile(graph => eigh(graph.read(matrix))));
    await plan.run();
    const { values: eigenvalues, vectors, resolved } = plan.outputs;
    return split(await eigenvalues.read(), await vectors.read(), await resolved.read(), size, size);
  });
}

/** Runs of a few turns each, from the vectors of the last, until the pairs are right by the host's own count. */
async function largest(
  engine: Engine,
  values: ArrayLike<number>,
  count: number,
  size: number,
  { topK, start, mostIterations, indefinite }: SettledOptions,
): Promise<Eigendecomposition[]> {
  const rows = blockSize(size, topK);
  const begin = new Float32Array(count * rows * size);
  for (let i = 0; start && i < count; i++) {
    begin.set(Array.from(start).slice(i * topK * size, (i + 1) * topK * size), i * rows * size);
  }
  return within(async scope => {
    const matrix = scope.keep(engine.stack(shapes(count, [size, size]), Float32Array.from(values)));
    const vectors = scope.keep(engine.stack(shapes(count, [rows, size]), begin));
    const plan = scope.keep(
      await engine.compile(graph => {
        const pairs = topEigenpairs(graph.read(matrix), graph.read(vectors), { iterations: turns, indefinite });
        graph.assign(vectors, pairs.vectors);
        return { values: pairs.values, resolved: pairs.resolved };
      }),
    );
    let worst = Number.POSITIVE_INFINITY;
    for (let done = 0; done < mostIterations; done += turns) {
      await plan.run();
      const { outputs } = plan;
      const found = split(await outputs.values.read(), await vectors.read(), await outputs.resolved.read(), rows, size);
      const pairs = found.map(one => ({
        values: one.values.slice(0, topK),
        vectors: one.vectors.slice(0, topK * size),
        resolved: Math.min(topK, one.resolved),
      }));
      worst = mostOf(
        pairs.map((one, i) => residualOf(values, i * size * size, size, one)),
        one => one,
      );
      if (worst <= residual) return pairs;
    }
    throw new RunError(
      `eigendecompose: after ${mostIterations} turns |A v - l v| is ${worst.toPrecision(2)} of |A|: allow more, or ask for another k`,
    );
  });
}

function shapes(count: number, shape: Shape): Shape[] {
  return Array.from({ length: count }, () => shape);
}

function split(values: Float32Array, vectors: Float32Array, resolved: Float32Array, rows: number, size: number) {
  return Array.from(countsIn(resolved), (count, i) => ({
    values: values.slice(i * rows, (i + 1) * rows),
    vectors: vectors.slice(i * rows * size, (i + 1) * rows * size),
    resolved: count,
  }));
}

/** The largest |A v - l v| / |A|, in float64; for |A| the larger of max |l| and the root mean square of all of A's. */
function residualOf(
  matrix: ArrayLike<number>,
  first: number,
  size: number,
  { values, vectors }: Eigendecomposition,
): number {
  let squares = 0;
  for (let at = first; at < first + size * size; at++) squares += matrix[at] ** 2;
  const norm = Math.max(Math.sqrt(squares / size), ...values.map(Math.abs));
  if (norm === 0) return 0;
  let worst = 0;
  values.forEach((value, pair) => {
    let sum = 0;
    for (let row = 0; row < size; row++) {
      let image = 0;
      const at = first + row * size;
      for (let j = 0; j < size; j++) image += matrix[at + j] * vectors[pair * size + j];
      sum += (image - value * vectors[pair * size + row]) ** 2;
    }
    worst = Math.max(worst, Math.sqrt(sum));
  });
  return worst / norm;
}
