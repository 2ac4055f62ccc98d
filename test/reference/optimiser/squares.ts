/** The sum of the squares. */
export function squares(values: Float64Array): number {
  return values.reduce((sum, one) => sum + one * one, 0);
}
