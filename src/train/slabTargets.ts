/** Targets in slabs of the first axis: on the device, as far as they fit, or brought there slab by slab in every step. */

import { sizeOf, sizeOfAll } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { joined, type Numbers } from '../host/arrays.js';
import type { Scope } from '../host/scope.js';
import { onRows } from '../model/fits.js';
import { type Model, outputShapes, planeCount, toDevice } from '../model/model.js';
import type { Range } from '../ops/elementwise/pieces.js';
import type { Training } from './gradient.js';
import type { Stage } from './stepPlans.js';
import { requireTarget, type TargetRows } from './target.js';

/** A slab of a target: where a plan reads it, and what brings it there unless it stays. */
export interface SlabTarget extends Pick<Stage, 'load'> {
  readonly tensor: Tensor;
}

/**
 * Every target in slabs.
 *
 * @param mostBytes slabs up to so many bytes together lie on the device, those of the first target first; for the others
 *   there is a tensor there for each height that slabs have.
 * @throws InputError, now or as it is brought there, what a function gives that is no such rows.
 */
export async function slabTargets(
  { engine, model, targets, calls }: Training,
  scope: Scope,
  slabs: readonly Range[],
  mostBytes: number,
): Promise<Readonly<Record<string, readonly SlabTarget[]>>> {
  const rooms = new Map<number, Tensor>();
  const found: Record<string, SlabTarget[]> = {};
  let left = mostBytes;
  for (const [name, given] of Object.entries(targets)) {
    const rowsOf = typeof given === 'function' ? given : rowsIn(model, given as Numbers);
    found[name] = [];
    for (const rows of slabs) {
      const height = rows[1] - rows[0];
      const slab = onRows(model, height);
      const shapes = outputShapes(slab);
      left -= 4 * sizeOfAll(shapes);
      const stays = left >= 0;
      const tensor = (!stays && rooms.get(height)) || scope.keep(engine.packed(shapes));
      if (!stays) rooms.set(height, tensor);
      const load = async () => {
        const values = await calls.ask(() => rowsOf(...rows));
        if (rowsOf === given) requireTarget(`target, rows ${rows.join(' to ')}`, slab, values, 0);
        tensor.write(toDevice(slab, values));
      };
      if (stays) await load();
      found[name].push({ tensor, load: stays ? undefined : load });
    }
  }
  return found;
}

/** Those of a Float32Array of one member and output are not copied. */
function rowsIn(model: Model, numbers: Numbers): TargetRows {
  const values = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  return (...rows) => {
    const parts = slabParts(model, values, rows);
    return parts[1] ? joined(parts) : parts[0];
  };
}

/** Some rows of every member and output of a model's output as a host has it, where they stand. */
export function slabParts(model: Model, values: Float32Array, [from, to]: Range): Float32Array[] {
  const size = sizeOf(model.domain.shape);
  const row = size / model.domain.shape[0];
  return Array.from({ length: planeCount(model) }, (_, plane) =>
    values.subarray(plane * size + from * row, plane * size + to * row),
  );
}
