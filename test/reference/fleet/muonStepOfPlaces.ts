import { muonStep } from '../optimiser/muonStep.js';

/** A Muon step of a matrix of one model of a fleet, or nothing: who returns is put back by the optimiser of the rest. */
export function muonStepOfPlaces(
  w: Float64Array,
  u: Float64Array,
  size: readonly [number, number],
  move: 'rests' | 'steps' | 'returns',
  settings: { readonly rate: number; readonly decay: number },
): Float64Array {
  return move === 'steps' ? muonStep(w, u, size, settings) : w;
}
