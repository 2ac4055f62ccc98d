export interface SgdSettings {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** g <- g + weightDecay p, m <- momentum m + g, p <- p - learningRate m. New arrays. */
export function sgd(
  p: Float64Array,
  gradient: Float64Array,
  m: Float64Array,
  { learningRate, momentum, weightDecay }: SgdSettings,
): { p: Float64Array; m: Float64Array } {
  const moment = m.map((x, i) => momentum * x + gradient[i] + weightDecay * p[i]);
  return { p: p.map((x, i) => x - learningRate * moment[i]), m: moment };
}
