/** Sums of Kronecker products of Gram matrices on the host, float64, and the one Kronecker product nearest to such a sum. */

/** weight left (x) right: what G (rows, columns) becomes is weight right G left. */
export interface KroneckerTerm {
  /** (columns, columns), symmetric. */
  readonly left: Float64Array;
  /** (rows, rows), symmetric. */
  readonly right: Float64Array;
  readonly weight: number;
}

export interface Eigenpairs {
  readonly values: ArrayLike<number>;
  /** Orthonormal rows. */
  readonly vectors: ArrayLike<number>;
}

/** X^T X of rows of a matrix. @param columns of it. */
export function gram(matrix: Float64Array, columns: number): Float64Array {
  const result = new Float64Array(columns * columns);
  for (let start = 0; start < matrix.length; start += columns) {
    for (let i = 0; i < columns; i++) {
      const factor = matrix[start + i];
      if (factor === 0) continue;
      for (let j = 0; j < columns; j++) result[i * columns + j] += factor * matrix[start + j];
    }
  }
  return result;
}

/** A B^T. @param inner columns of both. */
export function timesTransposed(a: ArrayLike<number>, b: ArrayLike<number>, inner: number): Float64Array {
  const [rows, columns] = [a.length / inner, b.length / inner];
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let u = 0; u < inner; u++) sum += a[i * inner + u] * b[j * inner + u];
      result[i * columns + j] = sum;
    }
  }
  return result;
}

/** The mean of the diagonal of a sum of Kronecker products. */
export function meanDiagonal(terms: readonly KroneckerTerm[], rows: number, columns: number): number {
  const sums = terms.map(({ left, right, weight }) => weight * trace(left, columns) * trace(right, rows));
  return sums.reduce((sum, one) => sum + one, 0) / (rows * columns);
}

function trace(matrix: Float64Array, n: number): number {
  return Array.from({ length: n }, (_, i) => matrix[i * n + i]).reduce((sum, one) => sum + one, 0);
}

/** Turns of the iteration for the nearest product: its first singular value stands far above the others. */
const turns = 6;

/** The Kronecker product nearest to a sum of them in the Frobenius norm (Van Loan and Pitsianis 1993), in turns. */
export function nearestProduct(terms: readonly KroneckerTerm[], rows: number): KroneckerTerm {
  let right = Float64Array.from({ length: rows * rows }, (_, at) => (at % (rows + 1) === 0 ? 1 / Math.sqrt(rows) : 0));
  let left = new Float64Array();
  let weight = 0;
  for (let turn = 0; turn < turns; turn++) {
    [left] = unitSum(terms.map(term => [term.left, term.weight * inner(term.right, right)]));
    [right, weight] = unitSum(terms.map(term => [term.right, term.weight * inner(term.left, left)]));
  }
  return { left, right, weight };
}

function unitSum(parts: readonly (readonly [Float64Array, number])[]): [Float64Array<ArrayBuffer>, number] {
  const sum = new Float64Array(parts[0][0].length);
  for (const [matrix, factor] of parts) {
    for (let at = 0; at < sum.length; at++) sum[at] += factor * matrix[at];
  }
  const norm = Math.sqrt(inner(sum, sum));
  return [norm > 0 ? sum.map(value => value / norm) : sum, norm];
}

export function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** (weight left (x) right + damping I)^-1 by the eigenpairs of both; eigenvalues below 0 are rounding. */
export function dampedInverse(weight: number, left: Eigenpairs, right: Eigenpairs, damping: number) {
  const [columns, rows] = [left.values.length, right.values.length];
  const scales = Float64Array.from({ length: rows * columns }, (_, at) => {
    const [a, b] = [right.values[Math.floor(at / columns)], left.values[at % columns]];
    return 1 / (weight * Math.max(a, 0) * Math.max(b, 0) + damping);
  });
  const columnsOf = (vectors: ArrayLike<number>, n: number) =>
    Float64Array.from({ length: n * n }, (_, at) => vectors[(at % n) * n + Math.floor(at / n)]);
  const [leftColumns, rightColumns] = [columnsOf(left.vectors, columns), columnsOf(right.vectors, rows)];
  /** @param matrix (rows, columns). */
  return (matrix: Float64Array): Float64Array => {
    // Each product turns the matrix over, so two bring it back.
    const turned = timesTransposed(left.vectors, matrix, columns);
    const along = timesTransposed(right.vectors, turned, rows).map((value, at) => value * scales[at]);
    return timesTransposed(rightColumns, timesTransposed(leftColumns, along, columns), rows);
  };
}
