/** Targets in slabs of the first axis: on the device, or on the host and brought there slab by slab in every step. */

import { type Shape, sizeOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import { joined } from '../host/arrays.js';
import type { Scope } from '../host/scope.js';
import { slabShape } from '../model/fits.js';
import { type Model, outputShape, outputShapes } from '../model/model.js';
import type { Range } from '../ops/elementwise/pieces.js';
import type { Stage } from './stepPlans.js';
import { isOnDevice, type Target } from './target.js';

/** A slab of a target: where a plan reads it, and what brings it there unless it stays. */
export interface SlabTarget extends Pick<Stage, 'load'> {
  readonly tensor: Tensor;
}

/**
 * Every target in slabs.
 *
 * @param mostBytes up to so many bytes together they lie on the device; beyond, there is a tensor there for each height
 * that slabs have.
 */
export function slabTargets(
  engine: Engine,
  scope: Scope,
  model: Model,
  targets: Readonly<Record<string, Target>>,
  slabs: readonly Range[],
  mostBytes: number,
): Readonly<Record<string, readonly SlabTarget[]>> {
  const shapesOf = ([from, to]: Range): Shape[] => outputShapes(model).map(() => slabShape(model, to - from));
  const make = (rows: Range, values?: Float32Array) => scope.keep(engine.packed(shapesOf(rows), values));
  const stay = Object.keys(targets).length * 4 * model.members * sizeOf(outputShape(model)) <= mostBytes;
  const rooms = new Map<number, Tensor>();
  const roomFor = (rows: Range): Tensor => {
    const height = rows[1] - rows[0];
    const room = rooms.get(height) ?? make(rows);
    rooms.set(height, room);
    return room;
  };
  return Object.fromEntries(
    Object.entries(targets).map(([name, given]) => {
      if (isOnDevice(given)) throw new InputError('target: lies on the device, which slabs do not take: give numbers');
      const values = given instanceof Float32Array ? given : Float32Array.from(given);
      const ofSlab = slabs.map((rows): SlabTarget => {
        if (stay) return { tensor: make(rows, slabOf(model, values, rows)) };
        const tensor = roomFor(rows);
        return { tensor, load: () => tensor.write(slabOf(model, values, rows)) };
      });
      return [name, ofSlab];
    }),
  );
}

/** Some rows of every member of a target. */
function slabOf(model: Model, values: Float32Array, rows: Range): Float32Array {
  const parts = slabParts(model, values, rows);
  return parts.length === 1 ? parts[0] : joined(parts);
}

/** The same where they stand, member by member. */
export function slabParts(model: Model, values: Float32Array, [from, to]: Range): Float32Array[] {
  const size = sizeOf(outputShape(model));
  const row = sizeOf(slabShape(model, 1));
  return Array.from({ length: model.members }, (_, member) =>
    values.subarray(member * size + from * row, member * size + to * row),
  );
}
