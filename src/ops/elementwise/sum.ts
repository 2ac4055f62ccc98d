/** The sum of all numbers of a tensor. */

import { columnsOf, layoutOf, onlyPart, rowsOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch } from '../../graph/operation.js';
import { type Dispatch, dispatch, usualWorkgroup } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/elementwise.js';
import { soloWorkgroup } from '../eigen/workgroups.js';
import { fill } from './fill.js';

const summation: Operation<undefined> = {
  name: 'sum',
  shapes: ([input]) => {
    onlyPart('sum', input);
    return [layoutOf([])];
  },
  lower: ({ device, inputs: [input], outputs: [result] }) => sumDispatches(device, input, result),
  vjp: ({ inputs: [input], cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
    if (typeof cotangent !== 'number')
      throw new InputError('sum: differentiate the loss itself, with a number as seed');
    return [fill(input.graph, input.layout, cotangent)];
  },
};

/** The sum of a tensor's numbers, a scalar, added in the same order on every run. */
export function sum(input: Value): Value {
  return applyOne(summation, [input], undefined);
}

/** Dispatches that add up one tensor into the first number of `result`. @param each numbers that a thread adds: what a workgroup does takes one dispatch. */
export function sumDispatches(device: Device, input: Operand, result: Operand, each = 128): Dispatch[] {
  const { shape, stride } = onlyPart('sum', input.layout);
  const [rows, columns] = [rowsOf(shape), columnsOf(shape)];
  // Few are added without waiting for each other: on a CPU adapter a workgroup's barriers take longer.
  const solo = soloWorkgroup(device);
  const size = rows * columns > each * solo ? usualWorkgroup(device) : solo;
  const stretch = each * size;
  const groups = Math.ceil((rows * columns) / stretch);
  const partial = groups === 1 ? result : scratch(layoutOf([groups]));
  const first = dispatch(kernels.sum, {
    constants: { WORKGROUP: size },
    settings: { rows, columns, inputStride: stride, stretch },
    buffers: { input: input.storage, result: partial.storage },
    workgroups: [groups, 1, 1],
  });
  return groups === 1 ? [first] : [first, ...sumDispatches(device, partial, result, each)];
}
