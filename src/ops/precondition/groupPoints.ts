/**
 * The points of tensors in groups: T (n_1 .. n_D) cut into blocks of b_1 x .. x b_D points, G (p, groups) with a column
 * a block and a row a place in it, both row-major. A block that reaches past an axis's end holds 0 there.
 */

import { formatShape, type Layout, type Shape, sizeOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import type { Operand, Operation, Value } from '../../graph/operation.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/precondition.js';

const mostAxes = kernels.groupPointsConstants.MOST_AXES;

interface Attributes {
  /** n_1 .. n_D of every tensor. */
  readonly grid: Shape;
  /** b_1 .. b_D. */
  readonly block: Shape;
}

/** Points of a block, and how many blocks there are: the shape of G. */
export function groupedShape({ grid, block }: Attributes): readonly [number, number] {
  return [sizeOf(block), grid.reduce((product, n, d) => product * Math.ceil(n / block[d]), 1)];
}

const grouping: Operation<Attributes> = {
  name: 'groupPoints',
  shapes: ([tensor], attributes) => {
    requireTensors('groupPoints', tensor, attributes.grid, attributes);
    return [stackOf(tensor.parts.map(() => groupedShape(attributes)))];
  },
  lower: ({ device, attributes, inputs: [tensor], outputs: [grouped] }) => [
    groupDispatch(device, attributes, tensor, grouped, false),
  ],
  notDifferentiable: 'it serves a preconditioner, through which no gradient flows',
};

const ungrouping: Operation<Attributes> = {
  name: 'ungroupPoints',
  shapes: ([grouped], attributes) => {
    requireTensors('ungroupPoints', grouped, groupedShape(attributes), attributes);
    return [stackOf(grouped.parts.map(() => attributes.grid))];
  },
  lower: ({ device, attributes, inputs: [grouped], outputs: [tensor] }) => [
    groupDispatch(device, attributes, tensor, grouped, true),
  ],
  notDifferentiable: 'it serves a preconditioner, through which no gradient flows',
};

function groupDispatch(
  device: Device,
  attributes: Attributes,
  tensor: Operand,
  grouped: Operand,
  back: boolean,
): Dispatch {
  const { grid, block } = attributes;
  const [slots, blocks] = groupedShape(attributes);
  const problems = tensor.layout.parts.map((part, i) => {
    const target = grouped.layout.parts[i];
    return {
      slots,
      blocks,
      tensor: part.offset,
      tensorStride: part.stride,
      grouped: target.offset,
      groupedStride: target.stride,
      axes: grid.map((points, d) => ({ points, block: block[d] })),
    };
  });
  const [input, result] = back ? [grouped, tensor] : [tensor, grouped];
  const { constants, workgroups } = oneThreadEachOf(
    device,
    problems.map(() => slots * blocks),
  );
  return dispatch(kernels.groupPoints, {
    constants: { ...constants, AXES: grid.length, BACK: back },
    problems,
    buffers: { input: input.storage, result: result.storage },
    workgroups,
  });
}

function requireTensors(name: string, given: Layout, expected: Shape, { grid, block }: Attributes): void {
  const inRange = block.every((points, d) => Number.isInteger(points) && points >= 1 && points <= grid[d]);
  if (grid.length < 1 || grid.length > mostAxes || block.length !== grid.length || !inRange) {
    throw new InputError(
      `${name}: blocks of ${formatShape(block)} points on a grid of ${formatShape(grid)}: give 1 to its points for each of 1 to ${mostAxes} axes`,
    );
  }
  requireSameLayout(name, stackOf(given.parts.map(() => expected)), given);
}

/** G (p, groups) from T (n_1 .. n_D), for every tensor of a stack. @throws InputError another shape, or a block that does not fit. */
export function groupPoints(tensor: Value, attributes: Attributes): Value {
  return applyOne(grouping, [tensor], attributes);
}

/** T (n_1 .. n_D) from G (p, groups), for every matrix of a stack. @throws InputError as `groupPoints`. */
export function ungroupPoints(grouped: Value, attributes: Attributes): Value {
  return applyOne(ungrouping, [grouped], attributes);
}
