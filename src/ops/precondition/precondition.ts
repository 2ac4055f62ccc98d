/**
 * The cotangent at a model's output, preconditioned axis by axis (Luo and Meng, SepPGD): with S_d = I - V_d^T C_d V_d,
 * V_d (k, n_d) the top eigenvectors as rows and C_d diagonal, P = sum_d G x_d S_d or P = G x_1 S_1 .. x_D S_D.
 *
 * S_d is applied in its factored form, G x_d S_d = G - V_d^T (C_d V_d G) along axis d: O(k n^D) instead of O(n^(D+1)).
 */

import { formatLayout, formatShape, type Layout, type Part, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import type { Value } from '../../graph/operation.js';
import {
  everyPart,
  type Operand,
  type Operation,
  scratch,
  secondDerivatives,
  withParts,
} from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { joins } from '../../kernel/join.js';
import { besideOthers } from '../../schedule/product.js';
import { modeDispatches } from '../linear/modeProduct.js';
import { multiplyStacks } from '../linear/product.js';

export const combines = ['sum', 'product'] as const;
/** How the axes' preconditioners are combined. sum: P = sum_d G x_d S_d, the paper's. product: P = G x_1 S_1 x_2 S_2 .. */
export type Combine = (typeof combines)[number];

/** S = I - V^T C V of each axis of each member, as values of a graph. */
export interface ModulatedBasis {
  /** V: eigenvectors as rows. */
  readonly vectors: Value;
  /** C V. */
  readonly scaled: Value;
}

interface Attributes {
  readonly combine: Combine;
  /** k of each S: so many leading rows of its V are used. */
  readonly topK: readonly number[];
  /** The axis of the tensor that each S acts on. */
  readonly axes: readonly number[];
  /** Axes besides, whose S is the identity here: they count in a sum. */
  readonly identities: number;
}

const operation: Operation<Attributes> = {
  name: 'precondition',
  updates: [0],
  shapes: ([cotangent, vectors, scaled], { topK, axes }) => {
    const count = axes.length;
    requireSets('precondition', cotangent, vectors, scaled, count);
    vectors.parts.forEach(({ shape }, i) => {
      const [axis, k] = [axes[i % count], topK[i % count]];
      const points = cotangent.parts[Math.floor(i / count)].shape[axis];
      if (shape.length !== 2 || shape[1] !== points || !(k >= 1 && k <= shape[0])) {
        throw new InputError(
          `precondition: axis ${axis} of ${points} points takes ${k} or more eigenvectors of ${points} numbers, got ${formatShape(shape)}`,
        );
      }
    });
    return [cotangent];
  },
  lower: site => (site.attributes.combine === 'sum' ? lowerSum(site) : lowerProduct(site)),
  notDifferentiable: secondDerivatives,
};

/** @throws InputError naming the operation unless each tensor has `count` sets of eigenvectors, plain and scaled. */
export function requireSets(name: string, tensors: Layout, vectors: Layout, scaled: Layout, count: number): void {
  const [plain, other] = [vectors, scaled].map(formatLayout);
  if (plain === other && vectors.parts.length === count * tensors.parts.length) return;
  throw new InputError(
    `${name}: takes ${count} sets of eigenvectors per tensor, plain and scaled, got ${plain} and ${other}`,
  );
}

type Lowering = Parameters<Operation<Attributes>['lower']>[0];

/** All projections V_d G first, since the sum is then formed over G itself. */
function lowerSum(site: Lowering): Dispatch[] {
  const { device, attributes, outputs } = site;
  const count = attributes.axes.length + attributes.identities;
  const { length } = outputs[0].layout.parts[0].shape;
  if (joins(device) && length === 2 && attributes.axes.join() === '0,1') return lowerPair(site, count);
  const sides = sidesOf(site);
  return [
    ...sides.flatMap(({ project }) => project),
    ...sides.flatMap(({ subtract }, i) => subtract(i === 0 ? count : 1)),
  ];
}

/**
 * The sum over both axes of matrices in one product: with W_d = C_d V_d, P = keep G - [W_1; V_2 G^T]^T [V_1 G; W_2], the
 * halves one below the other. What makes those waits for G alone, and is joined: see kernel/gather.ts.
 */
function lowerPair(
  { device, attributes: { topK }, inputs: [, vectors, scaled], outputs: [tensor] }: Lowering,
  keep: number,
): Dispatch[] {
  const [k, l] = topK;
  const halves = scratch(stackOf(tensor.layout.parts.flatMap(({ shape }) => shape.map(n => [k + l, n]))));
  const rows = ({ shape, offset, stride }: Part, from: number, count: number): Part => ({
    shape: [count, shape[1]],
    offset: offset + from * stride,
    stride,
  });
  const stack = (all: Operand, from: number): Operand =>
    withParts(
      all,
      all.layout.parts.map((part, i) => (i % 2 ? rows(part, from, l) : rows(part, 0, k))),
    );
  const [first, second] = [0, 1].map(side => everyPart(halves, 2, side));
  const project = (side: 0 | 1, half: Operand, from: number) => {
    const own = half.layout.parts.map(part => rows(part, from, topK[side]));
    const options = { transposeRight: side === 1 };
    return besideOthers(
      multiplyStacks(device, everyPart(vectors, 2, side), tensor, withParts(half, own), options),
      halves.storage,
    );
  };
  return [
    ...copyRows(device, stack(scaled, 0), stack(halves, k)),
    ...project(0, second, 0),
    ...project(1, first, k),
    ...multiplyStacks(device, first, second, tensor, { transposeLeft: true, alpha: -1, beta: keep }),
  ];
}

function lowerProduct(site: Lowering): Dispatch[] {
  return sidesOf(site).flatMap(({ project, subtract }) => [...project, ...subtract(1)]);
}

/** For each S_d its V_d G along axis d of every tensor, and P = keep P - V_d^T C_d (that). */
function sidesOf({ device, attributes: { axes, topK }, inputs: [, vectors, scaled], outputs: [tensor] }: Lowering) {
  return axes.map((axis, side) => {
    const shapes = tensor.layout.parts.map(({ shape }) => shape.map((n, i) => (i === axis ? topK[side] : n)));
    const projection = scratch(stackOf(shapes));
    return {
      project: modeDispatches(device, axis, tensor, everyPart(vectors, axes.length, side), projection),
      subtract: (keep: number) =>
        modeDispatches(device, axis, projection, everyPart(scaled, axes.length, side), tensor, {
          transpose: true,
          alpha: -1,
          beta: keep,
        }),
    };
  });
}

/**
 * The preconditioned cotangent, written over `cotangent` where nobody else needs it.
 *
 * @param cotangent G, (n_1 .. n_D), or a stack of such tensors of one D.
 * @param vectors V_d, (at least k_d, n_d), orthonormal rows, for d = 1..D, tensor by tensor.
 * @param scaled C_d V_d, the same shapes.
 * @param attributes k_d for each d, how the axes are combined, and the axes of the tensor they stand for where those are
 *   not its first D in order: an axis that is left out, such as the outputs of a shared model, has no S. An axis along
 *   which the tensor is but a slab has its S applied elsewhere, and counts among the `identities`.
 * @throws InputError eigenvectors that do not fit the tensor.
 */
export function precondition(
  cotangent: Value,
  vectors: Value,
  scaled: Value,
  attributes: Pick<Attributes, 'combine' | 'topK'> & Partial<Attributes>,
): Value {
  const axes = attributes.topK.map((_, d) => d);
  return applyOne(operation, [cotangent, vectors, scaled], { axes, identities: 0, ...attributes });
}
