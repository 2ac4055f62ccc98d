/** B <- momentum B + G, X = (G + momentum B) / (|G + momentum B|_F + 1e-7), row-major. New arrays. */
export function muonDirection(
  g: Float64Array,
  b: Float64Array,
  momentum: number,
): { b: Float64Array; x: Float64Array } {
  const moment = b.map((old, i) => momentum * old + g[i]);
  const ahead = moment.map((own, i) => momentum * own + g[i]);
  const norm = Math.hypot(...ahead) + 1e-7;
  return { b: moment, x: ahead.map(one => one / norm) };
}
