import { type ModulationName, modulate } from '../precondition/modulate.js';

/** The rows of V of one kernel of a fleet, modulated up to its own k, and no further than `top`. */
export function modulateOfPlaces(
  values: Float64Array,
  vectors: Float64Array,
  columns: number,
  top: number,
  own: number,
  name: ModulationName,
  scale: number,
): { scaled: Float64Array; used: number } {
  return modulate(values, vectors, columns, Math.min(top, own), name, scale);
}
