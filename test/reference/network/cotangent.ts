/** D' = (D W) * a', W (inner, columns + 1) without its last column, the bias. */
export function cotangent(
  d: Float64Array,
  w: Float64Array,
  derivative: Float64Array,
  rows: number,
  inner: number,
  columns: number,
): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let u = 0; u < inner; u++) sum += d[i * inner + u] * w[u * (columns + 1) + j];
      result[i * columns + j] = sum * derivative[i * columns + j];
    }
  }
  return result;
}
