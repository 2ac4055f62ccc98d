/** a * b, number by number. */
export function multiply(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, i) => x * b[i]);
}
