/** Stacks of factor matrices as the contractions take them, and how the kernels of a CP model address them. */

import {
  columnsOf,
  formatShape,
  type Layout,
  type Part,
  quad,
  rowsOf,
  type Shape,
  sizeOf,
} from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import type { Value } from '../../graph/operation.js';
import { requireCount } from '../../host/checks.js';
import * as kernels from '../../wgsl/contraction.js';
import { quadsOf } from '../linear/product.js';

/** How a stack of factor matrices makes CP models. */
export interface CpAttributes {
  /** D, from 2 to 7: every D consecutive factor matrices make a model. */
  readonly axes: number;
  /** c, the factor of the whole sum. */
  readonly scale: number;
  /** What gives the cotangents at the factor matrices: `mttkrp` by default. */
  readonly gradient?: CpGradient;
}

/**
 * What gives the cotangents at the factor matrices, from that at the output, `tensor`, and the factor matrices:
 * `mttkrp`.
 */
export type CpGradient = (tensor: Value, factors: Value, attributes: CpAttributes) => Value;

/** The room that the kernels have: six coordinates, and the outputs of a model that mixes several. */
const mostAxes = kernels.cpConstants.MOST_AXES;

/** A stack cut into models of so many factor matrices. @throws InputError a number of axes outside 2..7, or a rest. */
export function factorsByModel(name: string, factors: Layout, axes: number): readonly (readonly Part[])[] {
  requireCount(`${name}: axes`, axes, 2, mostAxes);
  if (factors.parts.length % axes !== 0) {
    throw new InputError(
      `${name}: ${factors.parts.length} factor matrices are no whole number of models of ${axes} axes`,
    );
  }
  const models: Part[][] = [];
  for (let i = 0; i < factors.parts.length; i += axes) models.push(factors.parts.slice(i, i + axes));
  return models;
}

/** The factor matrices of each of several CP models, from a stack that has them model by model, axis by axis. */
export function modelsOf(name: string, factors: Layout, axes: number): readonly (readonly Part[])[] {
  return factorsByModel(name, factors, axes).map(model => {
    const [, rank] = model[0].shape;
    for (const { shape } of model) {
      if (shape.length !== 2 || shape[1] !== rank) {
        throw new InputError(`${name}: factor matrices of one rank are (points, ${rank}), got ${formatShape(shape)}`);
      }
    }
    return model;
  });
}

export function rankOf(model: readonly Part[]): number {
  return columnsOf(model[0].shape);
}

/** The shape of a model's output tensor: the points of each axis. */
export function gridOf(model: readonly Part[]): Shape {
  return model.map(part => rowsOf(part.shape));
}

/** The Axis structs of kernels/shared/factors.wgsl. */
export function axesOf(model: readonly Part[]) {
  return model.map(part => {
    const { first, stride } = quadsOf(part);
    return { quad: first, stride, points: rowsOf(part.shape) };
  });
}

/** The problem of kernels/contraction/cp.wgsl: rows i_1 by the stored numbers after one i_1. */
export function cpProblem(model: readonly Part[], tensor: Part, scale: number) {
  return {
    rows: rowsOf(model[0].shape),
    columns: sizeOf(gridOf(model).slice(1, -1)) * tensor.stride,
    inner: rankOf(model),
    scale,
    width: tensor.stride,
    result: tensor.offset / quad,
    axes: axesOf(model),
  };
}
