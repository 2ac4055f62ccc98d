/** Linear combinations of two values of one shape: alpha a + beta b. */

import { applyOne, requireSameLayout } from '../../graph/apply.js';
import type { Cotangent, Operation, Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/elementwise.js';

interface Attributes {
  readonly alpha: number;
  /** Absent: there is no b. */
  readonly beta?: number;
}

const operation: Operation<Attributes> = {
  name: 'linearCombination',
  shapes: ([a, b = a]) => [requireSameLayout('linearCombination', a, b)],
  lower: ({ device, attributes: { alpha, beta = 0 }, inputs: [a, b], outputs: [result] }) => {
    const { constants, workgroups } = oneThreadEach(device, result.layout.length);
    return [
      dispatch(kernels.linearCombination, {
        constants: { ...constants, ALONE: !b },
        settings: { count: result.layout.length, alpha, beta },
        buffers: { left: a.storage, right: (b ?? a).storage, result: result.storage },
        workgroups,
      }),
    ];
  },
  vjp: ({ attributes: { alpha, beta }, cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
    return [alpha, ...(beta === undefined ? [] : [beta])].map(factor => scaled(cotangent, factor));
  },
};

/** alpha a + beta b. @throws InputError if their shapes differ. */
export function linearCombination(a: Value, b: Value, alpha: number, beta: number): Value {
  return applyOne(operation, [a, b], { alpha, beta });
}

/** a + b. @throws InputError if their shapes differ. */
export function add(a: Value, b: Value): Value {
  return linearCombination(a, b, 1, 1);
}

/** a - b. @throws InputError if their shapes differ. */
export function subtract(a: Value, b: Value): Value {
  return linearCombination(a, b, 1, -1);
}

/** alpha a. */
export function scale(a: Value, alpha: number): Value {
  return applyOne(operation, [a], { alpha });
}

/** alpha times a cotangent, which may be a number. */
export function scaled(cotangent: Cotangent, alpha: number): Cotangent {
  if (typeof cotangent === 'number') return alpha * cotangent;
  return alpha === 1 ? cotangent : scale(cotangent, alpha);
}
