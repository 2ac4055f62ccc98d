/** Muon (Jordan 2024) on some matrices of a model's parameters: a step along the momentum, made orthogonal. */

import { columnsOf, layoutOf, type Part, quad, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { apply, applyOne, requireSameLayout } from '../../graph/apply.js';
import { type Operand, type Operation, scratch, updatesState, type Value } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { type Dispatch, dispatch, oneThreadEachOf, type Workgroups } from '../../kernel/dispatch.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/optimiser.js';
import { mirrorDispatch } from '../linear/mirror.js';
import { multiplyStored, productOfParts, quadsOf } from '../linear/product.js';

/** a, b and c of a x + b x^3 + c x^5, for each Newton-Schulz step. */
export type Polynomials = readonly (readonly [a: number, b: number, c: number])[];

export interface MuonAttributes {
  /** Which parts of the parameters' stack are [W | b] with a W that is updated. */
  readonly matrices: readonly number[];
  readonly momentum: number;
  readonly polynomials: Polynomials;
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly tall: boolean;
}

/** Of [W | b]: W. */
export function matrixOf({ shape }: Part): Matrix {
  const [rows, columns] = [rowsOf(shape), columnsOf(shape) - 1];
  return { rows, columns, tall: rows > columns };
}

/** Layout of W without b, for each of the `matrices`: the moment's. */
export function momentShapes(parameters: readonly { readonly shape: readonly number[] }[]): number[][] {
  return parameters.map(({ shape: [rows, columns] }) => [rows, columns - 1]);
}

/** Numbers of a matrix along each side of what a workgroup of muonDirection.wgsl works on. */
const tile = kernels.muonDirectionConstants.TILE;

/** A workgroup for so many rows by so many columns of each matrix. */
function tilesOf(problems: readonly Pick<Matrix, 'rows' | 'columns'>[], rows: number, columns: number): Workgroups {
  const [tallest, widest] = [mostOf(problems, p => p.rows), mostOf(problems, p => p.columns)];
  return [Math.ceil(widest / columns), Math.ceil(tallest / rows), problems.length];
}

const direction: Operation<Pick<MuonAttributes, 'matrices' | 'momentum'>> = {
  name: 'muonDirection',
  updates: [0, 1],
  shapes: ([gradient, moment], { matrices }) => {
    const views = matrices.map(part => matrixOf(gradient.parts[part]));
    requireSameLayout('muon', stackOf(views.map(({ rows, columns }) => [rows, columns])), moment);
    return [
      gradient,
      moment,
      stackOf(views.map(({ rows, columns, tall }) => (tall ? [columns, rows] : [rows, columns]))),
    ];
  },
  lower: ({ attributes: { matrices, momentum }, outputs: [gradient, moment, result] }) => {
    let tiles = 0;
    const problems = matrices.map((at, i) => {
      const { rows, columns, tall } = matrixOf(gradient.layout.parts[at]);
      const from = quadsOf(gradient.layout.parts[at]);
      const kept = quadsOf(moment.layout.parts[i]);
      const made = quadsOf(result.layout.parts[i]);
      const squares = tiles;
      tiles += Math.ceil(rows / tile) * Math.ceil(columns / tile);
      return {
        rows,
        columns,
        momentum,
        tall: Number(tall),
        gradient: from.first,
        gradientStride: from.stride,
        moment: kept.first,
        momentStride: kept.stride,
        result: made.first,
        resultStride: made.stride,
        squares,
      };
    });
    const squares = scratch(layoutOf([tiles]));
    const ends = [...problems.slice(1).map(p => p.squares), tiles];
    const normed = problems.map(({ squares: first, result: matrix, resultStride: stride }, i) => {
      const { shape } = result.layout.parts[i];
      return { rows: rowsOf(shape), columns: columnsOf(shape), matrix, stride, squares: first, parts: ends[i] - first };
    });
    return [
      dispatch(kernels.muonDirection, {
        problems,
        buffers: {
          gradient: gradient.storage,
          moment: moment.storage,
          result: result.storage,
          squares: squares.storage,
        },
        workgroups: tilesOf(problems, tile, tile),
      }),
      dispatch(kernels.unitNorm, {
        problems: normed,
        buffers: { squares: squares.storage, matrix: result.storage },
        workgroups: tilesOf(normed, kernels.unitNormConstants.ROWS, quad * kernels.unitNormConstants.WORKGROUP),
      }),
    ];
  },
  notDifferentiable: updatesState,
};

const orthogonal: Operation<{ polynomials: Polynomials }> = {
  name: 'orthogonalise',
  shapes: ([matrices]) => [matrices],
  lower: ({ device, attributes: { polynomials }, inputs: [matrices], outputs: [result] }) => {
    const square = stackOf(matrices.layout.parts.map(({ shape }) => [rowsOf(shape), rowsOf(shape)]));
    const [gram, polynomial] = [scratch(square), scratch(square)];
    const other = scratch(result.layout);
    const dispatches: Dispatch[] = [];
    let from = matrices;
    polynomials.forEach(([a, b, c], step) => {
      const to = (polynomials.length - step) % 2 === 1 ? result : other; // the last is the result
      const products = gram.layout.parts.map((part, i) =>
        productOfParts(from.layout.parts[i], from.layout.parts[i], part),
      );
      const buffers = { left: from.storage, right: from.storage, result: gram.storage };
      dispatches.push(
        multiplyStored(device, products, buffers, { transposeRight: true, upper: true }),
        mirrorDispatch(gram),
        addedProduct(device, { left: gram, right: gram, added: gram, result: polynomial }, [c, b], true),
        mirrorDispatch(polynomial),
        addedProduct(device, { left: polynomial, right: from, added: from, result: to }, [1, a]),
      );
      from = to;
    });
    return dispatches;
  },
  notDifferentiable: 'a step of an optimiser is made from it, through which no gradient flows',
};

/** alpha left right + beta added. */
export function addedProduct(
  device: Device,
  { left, right, added, result }: Readonly<Record<'left' | 'right' | 'added' | 'result', Operand>>,
  [alpha, beta]: readonly [number, number],
  upper = false,
): Dispatch {
  return productDispatch(device, kernels.newtonSchulz, {
    problems: result.layout.parts.map((part, i) => {
      const { first, stride } = quadsOf(added.layout.parts[i]);
      return {
        ...productOfParts(left.layout.parts[i], right.layout.parts[i], part, { alpha, beta }),
        added: first,
        addedStride: stride,
      };
    }),
    buffers: { left: left.storage, right: right.storage, added: added.storage, result: result.storage },
    upper,
  });
}

export interface StepAttributes extends Pick<MuonAttributes, 'matrices'> {
  /** Decoupled. */
  readonly weightDecay: number;
  /** Whether directions are of norm 1: the step is then as long as one along orthogonal matrices. */
  readonly unit?: boolean;
}

const update: Operation<StepAttributes> = {
  name: 'muon',
  updates: [0],
  shapes: ([parameters]) => [parameters],
  lower: ({ device, attributes, inputs: [, along, rate], outputs: [parameters] }) => [
    dispatch(kernels.muonStep, {
      ...stepsAlong(device, parameters, along, attributes),
      buffers: { learningRate: rate.storage, direction: along.storage, parameter: parameters.storage },
    }),
  ],
  notDifferentiable: updatesState,
};

/** The steps of kernels/shared/optimiser/matrixStep.wgsl, of one model, and one thread for each number. */
export function stepsAlong(
  device: Device,
  parameters: Operand,
  along: Operand,
  { matrices, weightDecay, unit }: StepAttributes,
) {
  const problems = matrices.map((at, i) => {
    const part = parameters.layout.parts[at];
    const { rows, columns, tall } = matrixOf(part);
    const { offset, stride } = along.layout.parts[i];
    return {
      rows,
      columns,
      scale: Math.sqrt(unit ? rows : Math.max(1, rows / columns)),
      weightDecay,
      tall: Number(tall),
      place: 0,
      parameter: part.offset,
      parameterStride: part.stride,
      direction: offset,
      directionStride: stride,
    };
  });
  return {
    problems,
    ...oneThreadEachOf(
      device,
      problems.map(({ rows, columns }) => rows * columns),
    ),
  };
}

/**
 * Matrices (m, n), m up to n, made orthogonal: their singular values brought near 1 by Newton-Schulz steps.
 *
 * @param matrices of a norm up to 1.
 */
export function orthogonalise(matrices: Value, polynomials: Polynomials): Value {
  return applyOne(orthogonal, [matrices], { polynomials });
}

/** Before it is made orthogonal, of norm 1. */
export function rawDirections(
  gradient: Value,
  moment: Value,
  attributes: Pick<MuonAttributes, 'matrices' | 'momentum'>,
): MuonDirections {
  const [rest, next, raw] = apply(direction, [gradient, moment], attributes);
  return { rest, moment: next, direction: raw };
}

/**
 * The direction of a step, and the moment and the gradient as they are then.
 *
 * @param moment `momentShapes` of the matrices.
 * @throws InputError a moment of another layout.
 */
export function muonDirections(gradient: Value, moment: Value, attributes: MuonAttributes): MuonDirections {
  const raw = rawDirections(gradient, moment, attributes);
  return { ...raw, direction: orthogonalise(raw.direction, attributes.polynomials) };
}

export interface MuonDirections {
  readonly moment: Value;
  /** What remains of the gradient for another optimiser: 0 at the matrices. */
  readonly rest: Value;
  /** The direction of each matrix, transposed where it is tall. */
  readonly direction: Value;
}

/**
 * The matrices one step along directions on, and the rest of the parameters as it was; written over the old where nobody
 * else needs it.
 *
 * @param learningRate (1): of this step.
 */
export function stepAlong(parameters: Value, direction: Value, learningRate: Value, attributes: StepAttributes): Value {
  return applyOne(update, [parameters, direction, learningRate], attributes);
}
