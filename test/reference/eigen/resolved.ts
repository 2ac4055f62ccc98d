/** Eigenvalues of a matrix of so many rows that are above the rounding of float32, relative to the largest. */
export function resolved(values: readonly number[], size: number): number {
  const most = Math.max(...values.map(Math.abs));
  return values.filter(value => Math.abs(value) > size * 2 ** -23 * most).length;
}
