/** history[step mod n] = loss, then step + 1. */
export function record(loss: number, step: number, history: Float64Array): { step: number; history: Float64Array } {
  const kept = history.slice();
  kept[step % kept.length] = loss;
  return { step: step + 1, history: kept };
}
