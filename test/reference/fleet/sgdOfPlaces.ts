import { type SgdSettings, sgd } from '../optimiser/sgd.js';

export interface SgdOfPlace {
  readonly p: Float64Array;
  readonly m: Float64Array;
  /** The parameters from before the last step. */
  readonly before: Float64Array;
}

/** Gradient descent for one model of a fleet: a step, a return to the parameters from before the last one, or nothing. */
export function sgdOfPlaces(
  state: SgdOfPlace,
  gradient: Float64Array,
  move: 'rests' | 'steps' | 'returns',
  settings: SgdSettings,
): SgdOfPlace {
  if (move === 'rests') return state;
  if (move === 'returns') return { ...state, p: state.before };
  return { ...sgd(state.p, gradient, state.m, settings), before: state.p };
}
