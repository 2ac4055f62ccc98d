/** The numbers of rows of `columns`, `stride` apart, behind each other. */
export function reshape(input: Float64Array, count: number, columns: number, stride: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => input[Math.floor(i / columns) * stride + (i % columns)]);
}
