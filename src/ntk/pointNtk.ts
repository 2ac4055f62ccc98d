/** The neural tangent kernel of a whole model, one number per point: K[i, j] = <dZ_i / dtheta, dZ_j / dtheta>. */

import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Graph, Value } from '../graph/operation.js';
import { scatteredPoints } from '../model/domain/scatteredPoints.js';
import { forward } from '../model/forward.js';
import { hasPointForm, type Model, networksOf, onDomain, ownParameterShapes } from '../model/model.js';
import { fill } from '../ops/elementwise/fill.js';
import { tangentKernel } from '../ops/tangent/tangentKernel.js';
import { vjp } from '../ops/vjp.js';

/**
 * The model of the same networks on scattered points instead of its own domain.
 *
 * @param coordinates X, (n, D), point by point.
 * @throws InputError a contraction that has no form there, several outputs, or parameters beside the networks'.
 */
export function onPoints(model: Model, coordinates: ArrayLike<number>): Model {
  requirePointNtk(model);
  return onDomain(model, scatteredPoints({ axes: model.domain.axes, coordinates }));
}

/** @throws InputError a model without an NTK of one number per point by the layer identity. */
export function requirePointNtk(model: Model): void {
  const { contraction, readout } = model;
  if (!hasPointForm(model)) {
    throw new InputError(
      `ntk: a ${contraction.name} contraction has no form on scattered points: use cp or jointNetwork`,
    );
  }
  if (readout.outputs > 1)
    throw new InputError(`ntk: a model of ${readout.outputs} outputs has no NTK of one number per point: use members`);
  if (ownParameterShapes(model).length > 0) {
    throw new InputError(
      `ntk: the ${contraction.name} contraction or the ${readout.name} readout has parameters of its own, of which the layer identity knows nothing`,
    );
  }
}

/**
 * The NTK of each member at the points of a model on scattered points; for those of a grid see `onPoints`. The gradient
 * of Z_i reaches a network with the cotangent dZ_i / df there, in a CP model c prod_{d' != d} F_d'[i], so that K is the
 * sum over the networks of their tangent kernels for these cotangents.
 *
 * @param input the model's `networkInput`.
 * @returns (n, n) for each member.
 * @throws InputError a model on a grid.
 */
export function pointNtk(graph: Graph, model: Model, parameters: Value, input: Tensor): Value {
  if (model.domain.isGrid) throw new InputError('pointNtk: takes a model on scattered points: see onPoints');
  const { factors, residuals, output } = forward(graph, model, parameters, input);
  const [cotangent] = vjp(output, fill(graph, output.layout, 1), [factors]);
  return tangentKernel(residuals, cotangent, networksOf(model).length / model.members);
}
