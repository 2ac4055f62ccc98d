/** Rows of `columns` numbers, `stride` apart, brought to another distance; what lies between keeps `before`. */
export function copyRows(
  source: Float64Array,
  sourceStride: number,
  before: Float64Array,
  targetStride: number,
  rows: number,
  columns: number,
): Float64Array {
  const result = before.slice();
  for (let row = 0; row < rows; row++) {
    result.set(source.subarray(row * sourceStride, row * sourceStride + columns), row * targetStride);
  }
  return result;
}
