/** What a model is trained on: numbers of a host's, or what lies on the device already. */

import { formatLayout, packedStackOf, type Shape } from '../buffer/layout.js';
import type { HostBuffer } from '../buffer/memory.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import type { Numbers } from '../host/arrays.js';
import type { Scope } from '../host/scope.js';

/**
 * Numbers, or a tensor or a buffer of `outputShapes(model)`, which is read where it lies in every step, so that what is
 * written there is trained on from then on. Several outputs of a grid stand there after its first axis.
 */
export type Target = Numbers | Tensor | HostBuffer;

export function isOnDevice(target: Target): target is Tensor | HostBuffer {
  return typeof target === 'object' && target !== null && ('layout' in target || 'mapState' in target);
}

/** A target as a tensor: what is made for it is kept in `scope`. @throws InputError one on the device that does not fit. */
export function targetTensor(engine: Engine, scope: Scope, shapes: readonly Shape[], target: Target): Tensor {
  if (!isOnDevice(target)) return scope.keep(engine.packed(shapes, target));
  const tensor = 'layout' in target ? target : engine.wrapStack(target, shapes);
  const [given, wanted] = [tensor.layout, packedStackOf(shapes)].map(formatLayout);
  if (given === wanted) return tensor;
  throw new InputError(`target: is a tensor of shape ${given}, and the model's output of ${wanted}`);
}
