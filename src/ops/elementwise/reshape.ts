/** Tensors of the same numbers in another shape. */

import { columnsOf, formatLayout, type Shape, sizeOf, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { requireList } from '../../host/checks.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/elementwise.js';
import { asValue } from './fill.js';

const operation: Operation<{ shapes: readonly Shape[] }> = {
  name: 'reshape',
  shapes: ([input], { shapes }) => {
    const result = stackOf(shapes);
    const fits =
      input.parts.length === shapes.length && input.parts.every((p, i) => sizeOf(p.shape) === sizeOf(shapes[i]));
    if (!fits) throw new InputError(`reshape: ${formatLayout(input)} has not the numbers of ${formatLayout(result)}`);
    return [result];
  },
  lower: ({ device, inputs: [input], outputs: [result] }) => {
    const problems = input.layout.parts.map((part, i) => {
      const target = result.layout.parts[i];
      return {
        count: sizeOf(part.shape),
        columns: columnsOf(part.shape),
        input: part.offset,
        inputStride: part.stride,
        resultColumns: columnsOf(target.shape),
        result: target.offset,
        resultStride: target.stride,
      };
    });
    return [
      dispatch(kernels.reshape, {
        ...oneThreadEachOf(
          device,
          problems.map(p => p.count),
        ),
        problems,
        buffers: { input: input.storage, result: result.storage },
      }),
    ];
  },
  vjp: ({ inputs: [input], outputs: [output], cotangents: [cotangent] }) => {
    return [
      reshape(
        asValue(cotangent, output),
        input.layout.parts.map(({ shape }) => shape),
      ),
    ];
  },
};

/**
 * The numbers of every tensor of a stack, in row-major order, in another shape.
 *
 * @param shapes one per tensor.
 * @throws InputError a shape of more or fewer numbers, or one that is in no list.
 */
export function reshape(input: Value, shapes: readonly Shape[]): Value {
  const remedy = 'give a shape for each tensor, such as [[3, 2]]';
  requireList('reshape', shapes, remedy);
  for (const shape of shapes) requireList('reshape', shape, remedy);
  return applyOne(operation, [input], { shapes });
}
