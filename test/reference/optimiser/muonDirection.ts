/** B <- momentum B + G, X = G + momentum B, row-major. New arrays. */
export function muonDirection(
  g: Float64Array,
  b: Float64Array,
  momentum: number,
): { b: Float64Array; x: Float64Array } {
  const moment = b.map((old, i) => momentum * old + g[i]);
  return { b: moment, x: moment.map((own, i) => momentum * own + g[i]) };
}
