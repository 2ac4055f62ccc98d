/** A gradient scaled down to a norm that it may have at most, over all tensors of its stack, as PyTorch's clip_grad_norm_. */

import { columnsOf, layoutOf, rowsOf } from '../../buffer/layout.js';
import { applyOne } from '../../graph/apply.js';
import { type Operation, scratch, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/optimiser.js';
import { sumDispatches } from '../elementwise/sum.js';

const operation: Operation<{ readonly most: number }> = {
  name: 'clip',
  updates: [0],
  shapes: ([gradient]) => [gradient],
  lower: ({ device, attributes: { most }, outputs: [gradient] }) => {
    const { parts, length } = gradient.layout;
    const [squares, total] = [scratch(layoutOf([parts.length])), scratch(layoutOf([]))];
    const ofParts = dispatch(kernels.squares, {
      problems: parts.map(({ shape, offset, stride }, result) => ({
        rows: rowsOf(shape),
        columns: columnsOf(shape),
        input: offset,
        inputStride: stride,
        result,
      })),
      buffers: { input: gradient.storage, result: squares.storage },
      workgroups: [1, 1, parts.length],
    });
    const scaled = dispatch(kernels.clip, {
      ...oneThreadEach(device, length),
      settings: { count: length, most },
      buffers: { squares: total.storage, gradient: gradient.storage },
    });
    return [ofParts, ...sumDispatches(device, squares, total), scaled];
  },
  notDifferentiable: 'it is a step of an optimiser',
};

/** The gradient with a norm of at most `most`, written over the old where nobody else needs it. */
export function clip(gradient: Value, most: number): Value {
  return applyOne(operation, [gradient], { most });
}
