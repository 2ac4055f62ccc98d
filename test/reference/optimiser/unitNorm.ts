/** X / (|X|_F + least). A new array. */
export function unitNorm(x: Float64Array, least = 1e-7): Float64Array {
  const norm = Math.hypot(...x) + least;
  return x.map(one => one / norm);
}
