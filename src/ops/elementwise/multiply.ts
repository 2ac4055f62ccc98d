/** The Hadamard product of two values of one shape. */

import type { Device } from '../../device/device.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import type { Operand, Operation, Value } from '../../graph/operation.js';
import { type Dispatch, dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/elementwise.js';
import { asValue } from './fill.js';

const multiplication: Operation<undefined> = {
  name: 'multiply',
  shapes: ([a, b]) => [requireSameLayout('multiply', a, b)],
  lower: ({ device, inputs: [a, b], outputs: [result] }) => [multiplyDispatch(device, a, b, result)],
  vjp: ({ inputs: [a, b], outputs: [product], cotangents: [cotangent] }) => {
    const flowing = asValue(cotangent, product);
    return [multiply(flowing, b), multiply(flowing, a)];
  },
};

/** The Hadamard product of two operands of the result's layout. */
export function multiplyDispatch(device: Device, a: Operand, b: Operand, result: Operand): Dispatch {
  return dispatch(kernels.multiply, {
    ...oneThreadEach(device, result.layout.length),
    settings: { count: result.layout.length },
    buffers: { left: a.storage, right: b.storage, result: result.storage },
  });
}

/** a * b, number by number. @throws InputError if their shapes differ. */
export function multiply(a: Value, b: Value): Value {
  return applyOne(multiplication, [a, b], undefined);
}
