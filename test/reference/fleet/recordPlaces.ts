export interface PlaceRecord {
  readonly count: number;
  /** Steps that the model makes in all. */
  readonly last: number;
  /** Of so many steps, that of step t at t mod n. */
  readonly history: Float64Array;
  readonly move: 'rests' | 'steps' | 'returns';
  readonly rate: number;
}

/** One model of a fleet before its step: counted with its loss kept, or ended, or sent back where that is not finite. */
export function recordPlaces(loss: number, schedule: Float64Array, before: PlaceRecord): PlaceRecord {
  const { count, last } = before;
  if (count >= last) return { ...before, move: 'rests' };
  const history = before.history.slice();
  const at = count % history.length;
  history[at] = loss;
  if (!Number.isFinite(loss)) return { ...before, history, last: count, move: 'returns' };
  return { count: count + 1, last, history, move: 'steps', rate: schedule[at] };
}
