/** X / (|X|_F + 1e-7). A new array. */
export function unitNorm(x: Float64Array): Float64Array {
  const norm = Math.hypot(...x) + 1e-7;
  return x.map(one => one / norm);
}
