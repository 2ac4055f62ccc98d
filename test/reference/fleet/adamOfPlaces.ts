import { type AdamSettings, adam } from '../optimiser/adam.js';

export interface AdamOfPlace {
  readonly p: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
  /** The parameters from before the last step. */
  readonly before: Float64Array;
}

/** Adam for one model of a fleet: a step, a return to the parameters from before the last one, or nothing. */
export function adamOfPlaces(
  state: AdamOfPlace,
  gradient: Float64Array,
  move: 'rests' | 'steps' | 'returns',
  t: number,
  settings: AdamSettings,
): AdamOfPlace {
  if (move === 'rests') return state;
  if (move === 'returns') return { ...state, p: state.before };
  return { ...adam(state.p, gradient, state.m, state.v, t, settings), before: state.p };
}
