/** What a model is trained on: numbers of a host's, or what lies on the device already. */

import { packedStackOf, sizeOfAll } from '../buffer/layout.js';
import type { HostBuffer } from '../buffer/memory.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { requireSameLayout } from '../graph/apply.js';
import type { Engine } from '../graph/engine.js';
import type { Numbers } from '../host/arrays.js';
import { isList, shown } from '../host/checks.js';
import type { Scope } from '../host/scope.js';
import { type Model, outputShapes, toDevice } from '../model/model.js';

/**
 * A target that is never held whole: rows `from` to `to` of the first axis, the end left out, of every member and output, in
 * the order of a whole target of so many rows. What the device does not keep is asked for in every step: by a call of the
 * trainer that waits for it, so that it must call nothing of the trainer.
 */
export type TargetRows = (from: number, to: number) => Numbers | Promise<Numbers>;

/**
 * Numbers, rows of them, or a tensor or a buffer of `outputShapes(model)`, which is read where it lies in every step, so
 * that what is written there is trained on from then on. Several outputs of a grid stand there after its first axis.
 */
export type Target = Numbers | TargetRows | Tensor | HostBuffer;

export function isOnDevice(target: Target): target is Tensor | HostBuffer {
  return typeof target === 'object' && target !== null && ('layout' in target || 'mapState' in target);
}

/** A target as a tensor: what is made for it is kept in `scope`. @throws InputError one that does not fit. */
export async function targetTensor(engine: Engine, scope: Scope, model: Model, target: Target): Promise<Tensor> {
  const shapes = outputShapes(model);
  if (!isOnDevice(target)) {
    const values = typeof target === 'function' ? await target(0, model.domain.shape[0]) : target;
    requireTarget('target', model, values);
    return scope.keep(engine.packed(shapes, toDevice(model, values)));
  }
  const tensor = 'layout' in target ? target : engine.wrapStack(target, shapes);
  requireSameLayout('target', packedStackOf(shapes), tensor.layout);
  return tensor;
}

/**
 * Numbers of a model's output; what lies on the device is not looked at.
 *
 * @param least how many are to be trained on: some rows of a whole may have none.
 * @throws InputError another count, something that is no number, one that float32 does not hold, or NaN alone.
 */
export function requireTarget(name: string, model: Model, values: Target, least = 1): void {
  if (typeof values === 'function' || isOnDevice(values)) return;
  const expected = sizeOfAll(outputShapes(model));
  const isNumbers = isList(values);
  if (!isNumbers || values.length !== expected) {
    throw new InputError(`${name}: takes ${expected} numbers, got ${isNumbers ? values.length : shown(values)}`);
  }
  let trained = 0;
  for (let i = 0; i < expected; i++) {
    const value = values[i];
    if (Number.isNaN(value)) continue;
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
      throw new InputError(`${name}: holds ${shown(value)} at ${i}: use float32 numbers, NaN for a point left out`);
    }
    trained++;
  }
  if (trained < least) throw new InputError(`${name}: is NaN everywhere: give at least one number`);
}
