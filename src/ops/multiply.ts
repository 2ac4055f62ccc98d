/** The Hadamard product of two values of one shape. */

import { applyOne, requireSameLayout, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { dispatch } from '../kernel/dispatch.js';
import { asValue } from './fill.js';
import { oneThreadEach } from './linear.js';

const multiplication: Operation<undefined> = {
  name: 'multiply',
  shapes: ([a, b]) => [requireSameLayout('multiply', a, b)],
  lower: ({ device, inputs: [a, b], outputs: [result] }) => [
    dispatch('multiply', {
      ...oneThreadEach(device, result.layout.length),
      settings: { count: result.layout.length },
      buffers: { left: a.storage, right: b.storage, result: result.storage },
    }),
  ],
  vjp: ({ inputs: [a, b], outputs: [product], cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
    const flowing = asValue(cotangent, product);
    return [multiply(flowing, b), multiply(flowing, a)];
  },
};

/** a * b, number by number. @throws InputError if their shapes differ. */
export function multiply(a: Value, b: Value): Value {
  return applyOne(multiplication, [a, b], undefined);
}
