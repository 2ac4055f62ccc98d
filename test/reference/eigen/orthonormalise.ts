/** Modified Gram-Schmidt on the rows, each projected twice. The rows must be independent. */
export function orthonormalise(q: Float64Array, rows: number, columns: number): Float64Array {
  const result = q.slice();
  const row = (i: number) => result.subarray(i * columns, (i + 1) * columns);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  for (let i = 0; i < rows; i++) {
    for (let turn = 0; turn < 2; turn++) {
      for (let j = 0; j < i; j++) {
        const share = dot(row(i), row(j));
        row(i).forEach((x, u) => {
          row(i)[u] = x - share * row(j)[u];
        });
      }
    }
    const length = Math.sqrt(dot(row(i), row(i)));
    row(i).forEach((x, u) => {
      row(i)[u] = x / length;
    });
  }
  return result;
}
