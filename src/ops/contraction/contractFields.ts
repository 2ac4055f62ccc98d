/**
 * Fields of separable models on a grid: CP contractions in which a factor matrix may be replaced by one of its derivatives,
 * such as u, u_tt and u_xx of one model, from the jets of its factor matrices (`jetNetwork`), in one dispatch.
 */

import { columnsOf, formatLayout, type Layout, type Part, padded, quad, rowsOf, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import { type Operation, scratch, secondDerivatives, type Value } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { asValue } from '../elementwise/fill.js';
import type { Range } from '../elementwise/pieces.js';
import { quadsOf } from '../linear/product.js';
import { mttkrpDispatches } from './dimensionTree.js';
import { cpProblem, factorsByModel, gridOf, rankOf } from './factorMatrices.js';

/** A derivative of one of the models: of order `orders[d]` by axis d. */
export interface FieldTerm {
  /** Which of the models, from 0. */
  readonly model: number;
  /** Of the derivative by each axis, from 0 to what the jets there carry. */
  readonly orders: readonly number[];
}

/** Which derivatives of which models are contracted, on which points. */
export interface FieldAttributes {
  /** D, from 2 to 7: every D consecutive matrices of jets make a model. */
  readonly axes: number;
  /** c, the factor of every field. */
  readonly scale: number;
  /** The highest derivative that each matrix of jets carries. */
  readonly orders: readonly number[];
  /** Which points of each axis make the grid: from the first to the last, which is left out. */
  readonly points: readonly Range[];
  /** What is computed, a tensor each. */
  readonly fields: readonly FieldTerm[];
  /** The one matrix of jets by which alone the fields are differentiated; the cotangents at the others are 0 then. */
  readonly by?: number;
}

const known = { axes: true, scale: true, orders: true, points: true, fields: true, by: true } as const;

const forward: Operation<FieldAttributes> = {
  name: 'contractFields',
  shapes: ([jets], attributes) => {
    requireFields(jets, attributes);
    return [stackOf(attributes.fields.map(field => gridOf(factorsOf(jets, field, attributes))))];
  },
  lower: ({ device, attributes, inputs: [jets], outputs: [result] }) => [
    productDispatch(device, kernels.cp, {
      constants: { AXES: attributes.axes },
      problems: attributes.fields.map((field, i) =>
        cpProblem(factorsOf(jets.layout, field, attributes), result.layout.parts[i], attributes.scale),
      ),
      buffers: { factor: jets.storage, result: result.storage },
    }),
  ],
  vjp: ({ attributes, inputs: [jets], outputs: [fields], cotangents: [cotangent] }) => [
    applyOne(backward, [asValue(cotangent, fields), jets], attributes),
  ],
};

const backward: Operation<FieldAttributes> = {
  name: 'contractFieldsVjp',
  shapes: ([, jets]) => [jets],
  lower: ({ device, attributes, inputs: [cotangent, jets], outputs: [result] }) => {
    const { axes, scale, orders, points, fields, by } = attributes;
    // Every field has a cotangent for the matrix that it takes of each axis; those of one matrix stand together.
    const sums = jets.layout.parts.flatMap((part, at) =>
      Array.from({ length: orders[at] + 1 }, (_, order) => ({
        part,
        order,
        axis: at % axes,
        rows: pointsOf(part, orders[at]),
        users: fields.flatMap(({ model, orders: own }, field) =>
          model === Math.floor(at / axes) && own[at % axes] === order && at === (by ?? at) ? [field] : [],
        ),
      })),
    );
    const terms = scratch(
      stackOf(
        sums.flatMap(({ part, axis, users }) => users.map(() => [lengthOf(points[axis]), columnsOf(part.shape)])),
      ),
    );
    let taken = 0;
    const placed = sums.map(sum => {
      const first = taken;
      taken += sum.users.length;
      return { ...sum, first };
    });
    const tasks = fields.map((field, at) => ({
      model: factorsOf(jets.layout, field, attributes),
      tensor: cotangent.layout.parts[at],
      results: points.map((_, axis) => {
        const sum = placed.find(one => one.axis === axis && one.users.includes(at));
        return sum && terms.layout.parts[sum.first + sum.users.indexOf(at)];
      }),
      scale,
    }));
    const added = placed.map(({ part, order, axis, rows, users, first }) => {
      const [start, end] = points[axis];
      const home = quadsOf(part);
      const source = users.length > 0 ? quadsOf(terms.layout.parts[first]) : home;
      return {
        rows,
        quads: padded(columnsOf(part.shape)) / quad,
        start,
        end,
        count: users.length,
        input: source.first,
        inputStride: source.stride,
        result: home.first + order * rows * home.stride,
        resultStride: home.stride,
      };
    });
    return [
      ...mttkrpDispatches(device, tasks, {
        tensor: cotangent.storage,
        factor: jets.storage,
        result: terms.storage,
      }),
      dispatch(kernels.stackedSums, {
        ...oneThreadEachOf(
          device,
          added.map(({ rows, quads }) => rows * quads),
        ),
        problems: added,
        // Where no field is of the one matrix there are no terms, and nothing is bound that has no bytes.
        buffers: { input: taken > 0 ? terms.storage : jets.storage, result: result.storage },
      }),
    ];
  },
  notDifferentiable: secondDerivatives,
};

function lengthOf([from, to]: Range): number {
  return to - from;
}

/** Points of a matrix of jets. */
function pointsOf({ shape }: Part, order: number): number {
  return rowsOf(shape) / (order + 1);
}

/** The factor matrices of one field, as they lie among the jets. */
function factorsOf(jets: Layout, { model, orders: own }: FieldTerm, { axes, orders, points }: FieldAttributes): Part[] {
  return points.map((range, axis) => {
    const at = model * axes + axis;
    const part = jets.parts[at];
    const row = own[axis] * pointsOf(part, orders[at]) + range[0];
    return {
      shape: [lengthOf(range), columnsOf(part.shape)],
      offset: part.offset + row * part.stride,
      stride: part.stride,
    };
  });
}

function requireFields(jets: Layout, { axes, orders, points, fields }: FieldAttributes): void {
  const models = factorsByModel('contractFields', jets, axes);
  if (points.length !== axes || orders.length !== jets.parts.length || fields.length === 0) {
    throw new InputError(
      `contractFields: ${points.length} ranges of points and ${orders.length} orders for ${jets.parts.length} matrices of ${axes} axes, and ${fields.length} fields: give a range an axis, an order a matrix, and a field or more`,
    );
  }
  models.flat().forEach((part, at) => {
    const count = pointsOf(part, orders[at]);
    const [from, to] = points[at % axes];
    if (part.shape.length === 2 && Number.isInteger(count) && from >= 0 && from < to && to <= count) return;
    throw new InputError(
      `contractFields: matrix ${at} of ${formatLayout(jets)} has no points ${from} to ${to} of order ${orders[at]}`,
    );
  });
  for (const { model, orders: own } of fields) {
    const has =
      models[model] && own.length === axes && own.every((order, d) => order >= 0 && order <= orders[model * axes + d]);
    if (!has || models[model].some(part => columnsOf(part.shape) !== rankOf(models[model]))) {
      throw new InputError(
        `contractFields: model ${model} carries no derivative of orders (${own.join(', ')}): its jets reach (${orders.slice(model * axes, (model + 1) * axes).join(', ')})`,
      );
    }
  }
}

/**
 * The fields of CP models on a grid: scale sum_r prod_d (d/dx_d)^{orders_d} F_d[i_d, r] for each of `fields`.
 *
 * @param jets ((order + 1) N_d, R) for d = 1..D, model by model: of `jetNetwork`.
 * @returns (n_1 .. n_D) for each field, n_d being the points of the range of axis d.
 * @throws InputError ranges outside the points, or a derivative that the jets do not carry.
 */
export function contractFields(jets: Value, attributes: FieldAttributes): Value {
  requireOptions('contractFields', attributes, known);
  return applyOne(forward, [jets], attributes);
}
