/** Matrix products, batched over the parts of stacks. */

import { formatShape, type Shape, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameHeight } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import { asValue } from '../elementwise/fill.js';
import { multiplyStacks } from './product.js';

/** Which of the operands are meant transposed. */
export interface MatmulOptions {
  /** Whether a is (k, n) and its transpose is meant; false by default. */
  readonly transposeLeft?: boolean | undefined;
  /** Whether b is (m, k) and its transpose is meant; false by default. */
  readonly transposeRight?: boolean | undefined;
}

const product: Operation<MatmulOptions> = {
  name: 'matmul',
  shapes: ([a, b], attributes) => {
    requireSameHeight('matmul', a, b);
    return [stackOf(a.parts.map((part, i) => resultShape(part.shape, b.parts[i].shape, attributes)))];
  },
  lower: ({ device, attributes, inputs: [a, b], outputs: [c] }) => multiplyStacks(device, a, b, c, attributes),
  vjp: ({ attributes: { transposeLeft, transposeRight }, inputs: [a, b], outputs: [c], cotangents: [cotangent] }) => {
    const g = asValue(cotangent, c);
    const left = transposeLeft
      ? matmul(b, g, { transposeLeft: transposeRight, transposeRight: true })
      : matmul(g, b, { transposeRight: !transposeRight });
    const right = transposeRight
      ? matmul(g, a, { transposeLeft: true, transposeRight: transposeLeft })
      : matmul(a, g, { transposeLeft: !transposeLeft });
    return [left, right];
  },
};

/**
 * op(a) op(b), op(x) being x or its transpose. Matrices (n, k) and (k, m) give (n, m); stacks are multiplied part by part.
 *
 * @throws InputError inner axes that differ, stacks of two heights, or an option that is unknown.
 */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  requireOptions('matmul', options, { transposeLeft: true, transposeRight: true });
  return applyOne(product, [a, b], { ...options });
}

function resultShape(a: Shape, b: Shape, { transposeLeft, transposeRight }: MatmulOptions): Shape {
  const [n, k] = matrixShape(a, transposeLeft);
  const [l, m] = matrixShape(b, transposeRight);
  if (k !== l) {
    throw new InputError(
      `matmul: (${n}, ${k}) by (${l}, ${m}): the inner axes differ: give ${k} rows on the right, or transpose one`,
    );
  }
  return [n, m];
}

function matrixShape(shape: Shape, transposed = false): [number, number] {
  if (shape.length !== 2) throw new InputError(`matmul: takes matrices, got a tensor of shape ${formatShape(shape)}`);
  const [rows, columns] = shape;
  return transposed ? [columns, rows] : [rows, columns];
}
