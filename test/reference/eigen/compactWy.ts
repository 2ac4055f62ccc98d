/** T^T U, where (1 - u_1 u_1^T) .. (1 - u_r u_r^T) = 1 - U^T T U: T grows by a column a reflector (Schreiber and Van Loan). */
export function compactWy(reflectors: Float64Array, rows: number, columns: number): Float64Array {
  const row = (i: number) => reflectors.subarray(i * columns, (i + 1) * columns);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const t = new Float64Array(rows * rows);
  for (let k = 0; k < rows; k++) {
    t[k * rows + k] = 1;
    for (let i = 0; i < k; i++) {
      for (let j = i; j < k; j++) t[i * rows + k] -= t[i * rows + j] * dot(row(j), row(k));
    }
  }
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      row(j).forEach((x, column) => {
        result[i * columns + column] += t[j * rows + i] * x;
      });
    }
  }
  return result;
}
