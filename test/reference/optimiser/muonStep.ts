/** W <- (1 - rate decay) W - rate sqrt(max(1, rows / columns)) U, row-major. A new array. */
export function muonStep(
  w: Float64Array,
  u: Float64Array,
  [rows, columns]: readonly [number, number],
  { rate, decay }: { readonly rate: number; readonly decay: number },
): Float64Array {
  return w.map((own, i) => (1 - rate * decay) * own - rate * Math.sqrt(Math.max(1, rows / columns)) * u[i]);
}
