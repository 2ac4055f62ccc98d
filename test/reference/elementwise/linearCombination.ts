/** alpha a + beta b. */
export function linearCombination(a: Float64Array, b: Float64Array, alpha: number, beta: number): Float64Array {
  return a.map((x, i) => alpha * x + beta * b[i]);
}
