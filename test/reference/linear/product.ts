/** C = alpha op(A) op(B) + beta C0; op(A) (n, k), op(B) (k, m), all row-major. */
export interface ProductInput {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly transposeLeft?: boolean;
  readonly transposeRight?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
  readonly before?: Float64Array;
}

export function product(input: ProductInput): Float64Array {
  const { rows, columns, inner, a, b, transposeLeft, transposeRight, alpha = 1, beta = 0, before } = input;
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let u = 0; u < inner; u++) {
        const left = transposeLeft ? a[u * rows + i] : a[i * inner + u];
        const right = transposeRight ? b[j * inner + u] : b[u * columns + j];
        sum += left * right;
      }
      result[i * columns + j] = alpha * sum + (before ? beta * before[i * columns + j] : 0);
    }
  }
  return result;
}
