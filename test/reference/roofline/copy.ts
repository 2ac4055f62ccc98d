/** The same numbers. */
export function copy(x: Float64Array): Float64Array {
  return Float64Array.from(x);
}
