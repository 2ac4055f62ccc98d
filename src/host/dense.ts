/** Small matrices on the host, float64, row-major. */

/**
 * The lower triangle L of A + jitter mean(diag A) I = L L^T, for a symmetric A (n, n) that has no eigenvalue below 0 but
 * by rounding (Golub and Van Loan, 4.2.5). Float64.
 *
 * @param jitter what a matrix that is singular to rounding takes on its diagonal.
 */
export function cholesky(a: ArrayLike<number>, n: number, jitter: number): Float64Array {
  const mean = Array.from({ length: n }, (_, i) => a[i * n + i]).reduce((sum, x) => sum + x, 0) / n;
  const root = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = a[i * n + j] + (i === j ? jitter * mean : 0);
      for (let u = 0; u < j; u++) rest -= root[i * n + u] * root[j * n + u];
      // Rounding may leave less than nothing where the jitter is all there is.
      root[i * n + j] = i === j ? Math.sqrt(Math.max(rest, jitter * jitter * mean)) : rest / root[j * n + j];
    }
  }
  return root;
}

/** A B, both (n, n). */
export function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let u = 0; u < n; u++) {
      const factor = a[i * n + u];
      for (let j = 0; j < n; j++) result[i * n + j] += factor * b[u * n + j];
    }
  }
  return result;
}

/** A^T, (n, n). */
export function transposed(matrix: Float64Array, n: number): Float64Array {
  return matrix.map((_, at) => matrix[(at % n) * n + Math.floor(at / n)]);
}

/**
 * Tensors times a square matrix along one axis.
 *
 * @param tensors (.., n, inner), n the axis.
 * @param matrix (n, n).
 */
export function alongAxis(tensors: Float64Array, matrix: Float64Array, n: number, inner: number): Float64Array {
  const result = new Float64Array(tensors.length);
  for (let start = 0; start < tensors.length; start += n * inner) {
    for (let i = 0; i < n; i++) {
      for (let u = 0; u < n; u++) {
        const factor = matrix[i * n + u];
        for (let j = 0; j < inner; j++) result[start + i * inner + j] += factor * tensors[start + u * inner + j];
      }
    }
  }
  return result;
}
