/**
 * The cotangent at a model's output on scattered points, preconditioned (Luo and Meng, SepPGD): every axis has its own
 * S_d = I - V_d^T C_d V_d on the same n points, V_d (k, n) the top eigenvectors as rows and C_d diagonal, and
 * P = sum_d S_d G or P = S_1 S_2 .. S_D G.
 *
 * No S_d is formed, S_d G = G - V_d^T C_d (V_d G): O(D k n) instead of O(D n^2).
 */

import { columnsOf, formatShape, type Layout, type Part, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch, secondDerivatives, withParts } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { multiplyStacks } from '../linear/product.js';
import { type Combine, requireSets } from './precondition.js';

interface Attributes {
  /** D: every D consecutive sets of eigenvectors belong to one cotangent. */
  readonly axes: number;
  readonly combine: Combine;
}

const operation: Operation<Attributes> = {
  name: 'preconditionPoints',
  updates: [0],
  shapes: ([cotangent, vectors, scaled], { axes }) => {
    requireVectors(cotangent, vectors, scaled, axes);
    return [cotangent];
  },
  lower: ({ device, attributes: { axes, combine }, inputs: [, vectors, scaled], outputs: [cotangent] }) => {
    // The eigenvectors of all axes stand one after the other: as one matrix they give the whole sum at once. The
    // factors of the product do not commute, and the last is applied first.
    const groups =
      combine === 'sum'
        ? [{ from: 0, to: axes, keep: axes }]
        : Array.from({ length: axes }, (_, i) => ({ from: axes - 1 - i, to: axes - i, keep: 1 }));
    return groups.flatMap(({ from, to, keep }) => {
      const bases = (all: Operand) =>
        withParts(
          all,
          cotangent.layout.parts.map((_, i) => joined(all, i * axes + from, i * axes + to)),
        );
      return subtractProjection(device, cotangent, bases(vectors), bases(scaled), keep);
    });
  },
  notDifferentiable: secondDerivatives,
};

/** Consecutive matrices of a stack, of as many columns, as one. */
function joined({ layout }: Operand, from: number, to: number): Part {
  const parts = layout.parts.slice(from, to);
  const [{ offset, stride, shape }] = parts;
  return { offset, stride, shape: [parts.reduce((sum, part) => sum + rowsOf(part.shape), 0), columnsOf(shape)] };
}

/** G = keep G - (G V^T) C V for each cotangent, rows of n numbers. */
function subtractProjection(
  device: Device,
  cotangent: Operand,
  vectors: Operand,
  scaled: Operand,
  keep: number,
): Dispatch[] {
  const { parts } = cotangent.layout;
  const projection = scratch(
    stackOf(vectors.layout.parts.map(({ shape }, i) => [rowsOf(parts[i].shape), rowsOf(shape)])),
  );
  return [
    ...multiplyStacks(device, cotangent, vectors, projection, { transposeRight: true }),
    ...multiplyStacks(device, projection, scaled, cotangent, { alpha: -1, beta: keep }),
  ];
}

function requireVectors(cotangent: Layout, vectors: Layout, scaled: Layout, axes: number): void {
  requireSets('preconditionPoints', cotangent, vectors, scaled, axes);
  vectors.parts.forEach(({ shape }, i) => {
    const points = cotangent.parts[Math.floor(i / axes)].shape;
    if (points.length < 1 || points.length > 2 || shape.length !== 2 || shape[1] !== columnsOf(points)) {
      throw new InputError(
        `preconditionPoints: a cotangent of shape ${formatShape(points)} takes eigenvectors (k, n) of n points, got ${formatShape(shape)}`,
      );
    }
  });
}

/**
 * The preconditioned cotangent, written over `cotangent` where nobody else needs it.
 *
 * @param cotangent G, (n), or (p, n) for p such, each by itself; or a stack of these.
 * @param vectors V_d, (k_d, n), orthonormal rows, for d = 1..D, cotangent by cotangent.
 * @param scaled C_d V_d, the same shapes; a row of zeros leaves its eigenvector as it is.
 * @throws InputError eigenvectors that do not fit the cotangent.
 */
export function preconditionPoints(cotangent: Value, vectors: Value, scaled: Value, attributes: Attributes): Value {
  return applyOne(operation, [cotangent, vectors, scaled], attributes);
}
