/** The sum of matrices of one shape, in rows from `start` on of a matrix of zeros. */
export function stackedSums(
  matrices: readonly Float64Array[],
  rows: number,
  columns: number,
  start: number,
): Float64Array {
  const result = new Float64Array(rows * columns);
  for (const matrix of matrices) {
    matrix.forEach((x, i) => {
      result[start * columns + i] += x;
    });
  }
  return result;
}
