/** The CP contraction on scattered points: the i-th row of every factor matrix belongs to the i-th point. */

import { formatShape, type Layout, type Part, quad, rowsOf, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import { type Operation, secondDerivatives, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/contraction.js';
import { asValue } from '../elementwise/fill.js';
import { placesOf } from '../linear/product.js';
import { type CpAttributes, modelsOf, rankOf } from './factorMatrices.js';

const contraction: Operation<CpAttributes> = {
  name: 'contractPoints',
  shapes: ([factors], { axes }) => [stackOf(pointModelsOf('contractPoints', factors, axes).map(outputShape))],
  lower: ({ device, attributes: { axes, scale }, inputs: [factors], outputs: [result] }) => {
    const problems = pointModelsOf('contractPoints', factors.layout, axes).map((model, i) => ({
      ...factorProblem(model, scale),
      result: result.layout.parts[i].offset,
    }));
    const { constants, workgroups } = oneThreadEachOf(
      device,
      problems.map(p => p.points),
    );
    return [
      dispatch(kernels.cpPoints, {
        constants: { ...constants, AXES: axes },
        problems,
        buffers: { factor: factors.storage, result: result.storage },
        workgroups,
        work: { operations: (axes + 1) * numbersOf(problems) },
      }),
    ];
  },
  vjp: ({ attributes, inputs: [factors], outputs: [output], cotangents: [cotangent] }) => [
    contractPointsVjp(asValue(cotangent, output), factors, attributes),
  ],
};

const contractionVjp: Operation<CpAttributes> = {
  name: 'contractPointsVjp',
  shapes: ([cotangent, factors], { axes }) => {
    const name = 'contractPointsVjp';
    requireSameLayout(name, stackOf(pointModelsOf(name, factors, axes).map(outputShape)), cotangent);
    return [stackOf(factors.parts.map(part => part.shape))];
  },
  lower: ({ device, attributes: { axes, scale }, inputs: [cotangent, factors], outputs: [result] }) => {
    const problems = pointModelsOf('contractPointsVjp', factors.layout, axes).map((model, i) => ({
      ...factorProblem(model, scale),
      ...placesOf({ result: result.layout.parts[i * axes] }),
      cotangent: cotangent.layout.parts[i].offset,
    }));
    const { constants, workgroups } = oneThreadEachOf(
      device,
      problems.map(p => p.points * Math.ceil(p.rank / quad)),
    );
    return [
      dispatch(kernels.cpPointsVjp, {
        constants: { ...constants, AXES: axes },
        problems,
        buffers: { cotangent: cotangent.storage, factor: factors.storage, result: result.storage },
        workgroups,
        work: { operations: 3 * axes * numbersOf(problems) },
      }),
    ];
  },
  notDifferentiable: secondDerivatives,
};

/** The factor matrices of each model, which must be of one length: they stand in memory one after the other. */
function pointModelsOf(name: string, factors: Layout, axes: number): readonly (readonly Part[])[] {
  return modelsOf(name, factors, axes).map(model => {
    const points = rowsOf(model[0].shape);
    for (const { shape } of model) {
      if (rowsOf(shape) !== points) {
        throw new InputError(
          `${name}: factor matrices of ${points} scattered points are (${points}, ${rankOf(model)}), got ${formatShape(shape)}`,
        );
      }
    }
    return model;
  });
}

/** The shape of a model's output: a number per point. */
function outputShape([{ shape }]: readonly Part[]) {
  return [rowsOf(shape)];
}

/** What the problems of both kernels begin with. */
function factorProblem(model: readonly Part[], scale: number) {
  return { points: rowsOf(model[0].shape), rank: rankOf(model), scale, ...placesOf({ factor: model[0] }) };
}

function numbersOf(problems: readonly { readonly points: number; readonly rank: number }[]): number {
  return problems.reduce((sum, { points, rank }) => sum + points * rank, 0);
}

/**
 * Z[i] = scale sum_r F_1[i, r] .. F_D[i, r] for each model of a stack: the diagonal of what `contractCp` gives of the
 * same factor matrices.
 *
 * @param factors (n, R) for d = 1..D, model by model.
 * @returns (n) for each model.
 * @throws InputError a number of axes outside 2..7, or factor matrices of different shapes in a model.
 */
export function contractPoints(factors: Value, attributes: CpAttributes): Value {
  return applyOne(contraction, [factors], attributes);
}

/**
 * M_d[i, r] = scale P[i] prod_{d' != d} F_d'[i, r] for every axis d of each model: the cotangents at the factor matrices
 * when P is the cotangent at the output of `contractPoints`. It is written, not accumulated.
 *
 * @param cotangent P, (n) for each model.
 * @param factors (n, R) for d = 1..D, model by model.
 * @returns the shapes of `factors`.
 * @throws InputError a cotangent of another shape.
 */
export function contractPointsVjp(cotangent: Value, factors: Value, attributes: CpAttributes): Value {
  return applyOne(contractionVjp, [cotangent, factors], attributes);
}
