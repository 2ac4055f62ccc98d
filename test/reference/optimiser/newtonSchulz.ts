/** A B, row-major: (m, k) by (k, n). */
function times(a: Float64Array, b: Float64Array, [m, k, n]: readonly [number, number, number]): Float64Array {
  return Float64Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let l = 0; l < k; l++) sum += a[i * k + l] * b[l * n + j];
    return sum;
  });
}

export function transpose(a: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(a, (_, at) => a[(at % rows) * columns + Math.floor(at / rows)]);
}

/** alpha A B + beta D. */
export function newtonSchulz(
  a: Float64Array,
  b: Float64Array,
  d: Float64Array,
  shape: readonly [number, number, number],
  { alpha, beta }: { readonly alpha: number; readonly beta: number },
): Float64Array {
  return times(a, b, shape).map((product, i) => alpha * product + beta * d[i]);
}

/**
 * X <- a X + (b A + c A^2) X with A = X X^T for each (a, b, c), on the transpose of a tall matrix.
 *
 * @param x (rows, columns), of norm 1.
 */
export function orthogonalise(
  x: Float64Array,
  rows: number,
  columns: number,
  polynomials: readonly (readonly [number, number, number])[],
): Float64Array {
  if (rows > columns) {
    return transpose(orthogonalise(transpose(x, rows, columns), columns, rows, polynomials), columns, rows);
  }
  let from = x;
  for (const [a, b, c] of polynomials) {
    const gram = times(from, transpose(from, rows, columns), [rows, columns, rows]);
    const square = times(gram, gram, [rows, rows, rows]);
    const polynomial = gram.map((own, i) => b * own + c * square[i]);
    const moved = times(polynomial, from, [rows, rows, columns]);
    from = from.map((own, i) => a * own + moved[i]);
  }
  return from;
}
