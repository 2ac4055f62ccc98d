/** C[i, r] = sum_k X[k, r] T[i, k, r], T (rows, inner, columns), or (inner, rows, columns) where `turned`. */
export function weightedSums(
  table: Float64Array,
  weights: Float64Array,
  { rows, inner, columns, turned }: { rows: number; inner: number; columns: number; turned: boolean },
): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    const [i, r] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const row = turned ? k * rows + i : i * inner + k;
      sum += weights[k * columns + r] * table[row * columns + r];
    }
    return sum;
  });
}
