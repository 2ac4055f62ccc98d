/**
 * The cotangent at a model's output, preconditioned axis by axis (Luo and Meng, SepPGD): with S_d = I - V_d^T C_d V_d,
 * V_d (k, n_d) the top eigenvectors as rows and C_d diagonal, P = sum_d G x_d S_d or P = G x_1 S_1 .. x_D S_D.
 *
 * S_d is applied in its factored form, G x_d S_d = G - V_d^T (C_d V_d G) along axis d: O(k n^D) instead of O(n^(D+1)).
 */

import { columnsOf, formatLayout, type Part, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { modeSlices } from '../linear/modeProduct.js';
import { multiplyStored, quadsOf, type StoredProduct } from '../linear/product.js';

/** How the axes' preconditioners are combined: the paper's sum, or their product. */
export const combines = ['sum', 'product'] as const;
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
    if (formatLayout(vectors) !== formatLayout(scaled) || vectors.parts.length !== count * cotangent.parts.length) {
      throw new InputError(
        `precondition: takes ${count} sets of eigenvectors per tensor, plain and scaled, got ${formatLayout(vectors)} and ${formatLayout(scaled)}`,
      );
    }
    vectors.parts.forEach(({ shape }, i) => {
      const [axis, k] = [axes[i % count], topK[i % count]];
      const points = cotangent.parts[Math.floor(i / count)].shape[axis];
      if (shape.length !== 2 || shape[1] !== points || !(k >= 1 && k <= shape[0])) {
        throw new InputError(
          `precondition: axis ${axis} of ${points} points takes ${k} or more eigenvectors of ${points} numbers, got (${shape.join(', ')})`,
        );
      }
    });
    return [cotangent];
  },
  lower: site => (site.attributes.combine === 'sum' ? lowerSum(site) : lowerProduct(site)),
  notDifferentiable: 'it transforms a cotangent, and second derivatives are not offered',
};

type Lowering = Parameters<Operation<Attributes>['lower']>[0];

/** All projections V_d G first, since the sum is then formed over G itself. */
function lowerSum(site: Lowering): Dispatch[] {
  const sides = sidesOf(site);
  const count = sides.length + site.attributes.identities;
  const project = sides.map(side => projectDispatch(site.device, side));
  const subtract = sides.map((side, i) => subtractDispatch(site.device, side, i === 0 ? count : 1));
  return [...project, ...subtract];
}

function lowerProduct(site: Lowering): Dispatch[] {
  return sidesOf(site).flatMap(side => [projectDispatch(site.device, side), subtractDispatch(site.device, side, 1)]);
}

/** What one S_d of every tensor works with. */
interface Side {
  readonly axis: number;
  readonly topK: number;
  readonly tensor: Operand;
  readonly vectors: Operand;
  readonly scaled: Operand;
  /** V_d G: G's shape with k in the place of n_d, for each tensor. */
  readonly projection: Operand;
  /** Its tensors one by one: whole, projected, and the eigenvectors. */
  readonly parts: readonly { readonly whole: Part; readonly projected: Part; readonly basis: Part }[];
  /** Whether the axis is the tensors' last, which lies along their rows. */
  readonly last: boolean;
}

function sidesOf({ attributes, inputs: [, vectors, scaled], outputs: [tensor] }: Lowering): readonly Side[] {
  const { axes } = attributes;
  return axes.map((axis, side) => {
    const topK = attributes.topK[side];
    const shapes = tensor.layout.parts.map(({ shape }) => shape.map((n, i) => (i === axis ? topK : n)));
    const projection = scratch(stackOf(shapes));
    const parts = tensor.layout.parts.map((whole, i) => ({
      whole,
      projected: projection.layout.parts[i],
      basis: vectors.layout.parts[i * axes.length + side],
    }));
    return { axis, topK, tensor, vectors, scaled, projection, parts, last: axis === shapes[0].length - 1 };
  });
}

/** V_d G along axis d. */
function projectDispatch(device: Device, { axis, topK, tensor, vectors, projection, parts, last }: Side): Dispatch {
  const products = parts.flatMap(({ whole, projected, basis }) => {
    const results = modeSlices(projected, axis);
    return modeSlices(whole, axis).map(
      (from, i): StoredProduct => ({
        rows: last ? rowsOf(whole.shape) : topK,
        columns: last ? topK : from.columns,
        inner: columnsOf(basis.shape),
        left: last ? from : quadsOf(basis),
        right: last ? quadsOf(basis) : from,
        result: results[i],
      }),
    );
  });
  const [left, right] = last ? [tensor, vectors] : [vectors, tensor];
  const buffers = { left: left.storage, right: right.storage, result: projection.storage };
  return multiplyStored(device, products, buffers, { transposeRight: last });
}

/** P = keep P - V_d^T C_d (the projection), along axis d. */
function subtractDispatch(
  device: Device,
  { axis, topK, tensor, scaled, projection, parts, last }: Side,
  keep: number,
): Dispatch {
  const products = parts.flatMap(({ whole, projected, basis }) => {
    const slices = modeSlices(projected, axis);
    return modeSlices(whole, axis).map(
      (to, i): StoredProduct => ({
        rows: last ? rowsOf(whole.shape) : columnsOf(basis.shape),
        columns: to.columns,
        inner: topK,
        left: last ? slices[i] : quadsOf(basis),
        right: last ? quadsOf(basis) : slices[i],
        result: to,
        alpha: -1,
        beta: keep,
      }),
    );
  });
  const [left, right] = last ? [projection, scaled] : [scaled, projection];
  const buffers = { left: left.storage, right: right.storage, result: tensor.storage };
  return multiplyStored(device, products, buffers, { transposeLeft: !last });
}

/**
 * The preconditioned cotangent, in the place of `cotangent` where nobody else needs that.
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
