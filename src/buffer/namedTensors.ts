/** State on the device as tensors by name: read as numbers that a file keeps, and brought back from them. */

import { numbersIn } from './layout.js';
import type { Tensor } from './tensor.js';

/** Numbers of a state by name. */
export type StateArrays = Readonly<Record<string, Float32Array>>;

/** Tensors that hold a state on the device, by the names that their numbers have in it. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** Numbers that the tensors hold, by their names, row-major, part after part. */
export async function stateOfTensors(tensors: NamedTensors): Promise<StateArrays> {
  const state: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) state[name] = await tensor.read();
  return state;
}

/**
 * Puts a state into tensors.
 *
 * @param needed the names without which it is none; others may be missing, and stay as they are.
 * @returns whether it fits the tensors; where it does not, none is changed.
 */
export function restoreTensors(
  tensors: NamedTensors,
  state: StateArrays,
  needed: readonly string[] = Object.keys(tensors),
): boolean {
  const found = Object.entries(tensors).filter(([name]) => needed.includes(name) || state[name] !== undefined);
  if (!found.every(([name, tensor]) => state[name]?.length === numbersIn(tensor.layout))) return false;
  for (const [name, tensor] of found) tensor.write(state[name]);
  return true;
}
