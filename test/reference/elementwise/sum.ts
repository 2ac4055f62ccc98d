/** The sum of all numbers. */
export function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
