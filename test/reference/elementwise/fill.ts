/** `count` times one value. */
export function fill(count: number, value: number): Float64Array {
  return new Float64Array(count).fill(value);
}
