/**
 * The Tucker contraction (Kolda and Bader 2009, section 4): Z = scale core x_1 F_1 x_2 .. x_D F_D.
 *
 * The mode products run from the last axis to the first: B_{D+1} = core, B_d = B_{d+1} x_d F_d, Z = scale B_1. So the
 * matrices that a tensor is cut into are as many as the ranks before the axis make, not the points, and the largest
 * product is one whole. The B_d, (R_1 .. R_{d-1}, n_d .. n_D), are kept for the VJP, which runs from the first to the last.
 */

import { formatLayout, formatShape, type Layout, type Part, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch, secondDerivatives, withParts } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import { asValue } from '../elementwise/fill.js';
import { modeDispatches, unfoldedDispatches } from '../linear/modeProduct.js';
import { factorsByModel, gridOf } from './factorMatrices.js';

/** What a Tucker model is scaled by: its ranks are those of the cores. */
export interface TuckerAttributes {
  /** c, the factor of the whole product. */
  readonly scale: number;
}

const contraction: Operation<TuckerAttributes> = {
  name: 'contractTucker',
  shapes: ([factors, cores]) => {
    const models = modelsOf(factors, cores);
    // B_D .. B_2
    const partial = models[0].slice(1).map((_, i, { length }) =>
      stackOf(
        models.map((model, m) => {
          const at = length - i;
          return [...cores.parts[m].shape.slice(0, at), ...gridOf(model).slice(at)];
        }),
      ),
    );
    return [stackOf(models.map(gridOf)), ...partial];
  },
  lower: ({ device, attributes: { scale }, inputs: [factors, cores], outputs: [result, ...partial] }) => {
    const models = modelsOf(factors.layout, cores.layout);
    const tensors = [cores, ...partial, result];
    return tensors.slice(1).flatMap((to, i) => {
      const [from, axis] = [tensors[i], models[0].length - 1 - i];
      return modeDispatches(device, axis, from, ofAxis(factors, models, axis), to, { alpha: axis === 0 ? scale : 1 });
    });
  },
  vjp: ({
    attributes,
    inputs: [factors, cores],
    outputs: [output, ...partial],
    cotangents: [cotangent, ...others],
  }) => {
    if (others.some(other => other !== undefined)) {
      throw new InputError('contractTucker: a gradient flows into its residuals, which are not differentiable');
    }
    if (cotangent === undefined) return [];
    return apply(backward, [asValue(cotangent, output), factors, cores, ...partial], attributes);
  },
};

const backward: Operation<TuckerAttributes> = {
  name: 'contractTuckerVjp',
  shapes: ([, factors, cores]) => [factors, cores],
  lower: ({
    device,
    attributes: { scale },
    inputs: [tensor, factors, cores, ...partial],
    outputs: [gradient, core],
  }) => {
    const models = modelsOf(factors.layout, cores.layout);
    const gradients = modelsOf(gradient.layout, cores.layout);
    // B_2 .. B_{D+1}, and the cotangents at them: what comes out of the last axis is that at the core.
    const below = [...partial].reverse().concat(cores);
    let flowing = tensor;
    return below.flatMap((operand, axis) => {
      const current = flowing;
      const alpha = axis === 0 ? scale : 1;
      flowing = axis === below.length - 1 ? core : scratch(operand.layout);
      return [
        ...unfoldedDispatches(
          device,
          axis,
          gradients.map((model, m) => ({
            left: current.layout.parts[m],
            right: operand.layout.parts[m],
            result: model[axis],
          })),
          { left: current.storage, right: operand.storage, result: gradient.storage },
          alpha,
        ),
        ...modeDispatches(device, axis, current, ofAxis(factors, models, axis), flowing, { transpose: true, alpha }),
      ];
    });
  },
  notDifferentiable: secondDerivatives,
};

/** The factor matrix of one axis of every model. */
function ofAxis(factors: Operand, models: readonly (readonly Part[])[], axis: number): Operand {
  return withParts(
    factors,
    models.map(model => model[axis]),
  );
}

/** The factor matrices of each of several models. @throws InputError where one does not fit its core. */
function modelsOf(factors: Layout, cores: Layout): readonly (readonly Part[])[] {
  const axes = cores.parts[0].shape.length;
  const models = factorsByModel('contractTucker', factors, axes);
  if (models.length !== cores.parts.length) {
    throw new InputError(`contractTucker: takes one core per model, ${models.length}, got ${formatLayout(cores)}`);
  }
  models.forEach((model, m) => {
    const ranks = cores.parts[m].shape;
    if (ranks.length === axes && model.every(({ shape }, axis) => shape.length === 2 && shape[1] === ranks[axis]))
      return;
    throw new InputError(
      `contractTucker: a core of shape ${formatShape(ranks)} takes ${axes} factor matrices (points, R_d), got ${model.map(({ shape }) => formatShape(shape)).join(', ')}`,
    );
  });
  return models;
}

/**
 * Z = scale core x_1 F_1 .. x_D F_D for each model of a stack. Gradients are written, not accumulated.
 *
 * @param factors (n_d, R_d) for d = 1..D, model by model.
 * @param cores (R_1 .. R_D) for each model.
 * @returns (n_1 .. n_D) for each model.
 * @throws InputError a number of axes outside 2..7, or factor matrices that do not fit the cores.
 */
export function contractTucker(factors: Value, cores: Value, attributes: TuckerAttributes): Value {
  requireOptions('contractTucker', attributes, { scale: true });
  return apply(contraction, [factors, cores], attributes)[0] as Value;
}
