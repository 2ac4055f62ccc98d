/** Linear combinations of two values of one shape: alpha a + beta b. */

import { applyOne, requireSameLayout, type Value } from '../graph/graph.js';
import type { Cotangent, Operation } from '../graph/operation.js';
import { dispatch } from '../kernel/dispatch.js';
import { oneThreadEach } from './linear.js';

interface Attributes {
  readonly alpha: number;
  readonly beta: number;
}

const combination: Operation<Attributes> = {
  name: 'combine',
  shapes: ([a, b]) => [requireSameLayout('combine', a, b)],
  lower: ({ device, attributes, inputs: [a, b], outputs: [result] }) => [
    dispatch('combine', {
      ...oneThreadEach(device, result.layout.length),
      settings: { count: result.layout.length, ...attributes },
      buffers: { left: a.storage, right: b.storage, result: result.storage },
    }),
  ],
  vjp: ({ attributes: { alpha, beta }, cotangents: [cotangent] }) => [
    cotangent && scaled(cotangent, alpha),
    cotangent && scaled(cotangent, beta),
  ],
};

/** alpha a + beta b. @throws InputError if their shapes differ. */
export function combine(a: Value, b: Value, alpha: number, beta: number): Value {
  return applyOne(combination, [a, b], { alpha, beta });
}

/** a + b. @throws InputError if their shapes differ. */
export function add(a: Value, b: Value): Value {
  return combine(a, b, 1, 1);
}

/** a - b. @throws InputError if their shapes differ. */
export function subtract(a: Value, b: Value): Value {
  return combine(a, b, 1, -1);
}

/** alpha a. */
export function scale(a: Value, alpha: number): Value {
  return combine(a, a, alpha, 0);
}

/** alpha times a cotangent, which may be a number. */
export function scaled(cotangent: Cotangent, alpha: number): Cotangent {
  if (typeof cotangent === 'number') return alpha * cotangent;
  return alpha === 1 ? cotangent : scale(cotangent, alpha);
}
