/** g <- g + decay p, m <- momentum m + g, p <- p - rate m. New arrays. */
export function sgd(
  p: Float64Array,
  gradient: Float64Array,
  m: Float64Array,
  { rate, momentum, decay }: { rate: number; momentum: number; decay: number },
): { p: Float64Array; m: Float64Array } {
  const moment = m.map((x, i) => momentum * x + gradient[i] + decay * p[i]);
  return { p: p.map((x, i) => x - rate * moment[i]), m: moment };
}
