/** history[step mod n] = loss, learningRate = schedule[step mod n], then step + 1. */
export function record(
  loss: number,
  step: number,
  history: Float64Array,
  schedule: Float64Array,
): { step: number; history: Float64Array; learningRate: number } {
  const kept = history.slice();
  kept[step % kept.length] = loss;
  return { step: step + 1, history: kept, learningRate: schedule[step % schedule.length] };
}
