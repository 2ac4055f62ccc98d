/** g min(1, most / (|g| + 1e-6)). A new array. */
export function clip(g: Float64Array, most: number): Float64Array {
  const share = Math.min(1, most / (Math.hypot(...g) + 1e-6));
  return g.map(one => one * share);
}
