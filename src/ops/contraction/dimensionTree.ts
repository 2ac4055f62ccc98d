/**
 * The MTTKRPs of all axes of CP models. Where it takes fewer operations they come from a dimension tree (Phan, Tichavsky and
 * Cichocki 2013, section III): the axes are cut into the first m and the others, and each side has one product with the
 * tensor, in which its axes are one,
 *
 *   T[i_1 .. i_m, r] = scale sum over i_{m+1} .. i_D of P[i_1 .. i_D] prod_{d > m} F_d[i_d, r],
 *
 * and the other likewise. What an axis wants are sums of that table over the side's other axes, weighted by their factor
 * matrices. So there are two products with as many multiply-adds as the contraction itself, and not D.
 *
 * For fields of equations and for outputs among the axes, where it pays most. `mttkrp` makes each axis by itself, and is all
 * that a model of one output takes along.
 */

import { columnsOf, type Part, padded, quad, rowsOf, type Shape, sizeOf, stackOf } from '../../buffer/layout.js';
import type { Storage } from '../../buffer/memory.js';
import type { Device } from '../../device/device.js';
import { applyOne } from '../../graph/apply.js';
import { type Operation, scratch, secondDerivatives, type Value } from '../../graph/operation.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import { besideOthers, productDispatches } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { placesOf, quadsOf } from '../linear/product.js';
import { type CpAttributes, gridOf, modelsOf, rankOf } from './factorMatrices.js';
import { mttkrpProblem, mttkrpShapes } from './mttkrp.js';

const operation: Operation<CpAttributes> = {
  name: 'mttkrpByTree',
  shapes: ([tensor, factors], { axes }) => mttkrpShapes(tensor, factors, axes),
  lower: ({ device, attributes: { axes, scale }, inputs: [tensor, factors], outputs: [result] }) => {
    const tasks = modelsOf('mttkrp', factors.layout, axes).map((model, m) => ({
      model,
      tensor: tensor.layout.parts[m],
      results: result.layout.parts.slice(m * axes, (m + 1) * axes),
      scale,
    }));
    return mttkrpDispatches(device, tasks, {
      tensor: tensor.storage,
      factor: factors.storage,
      result: result.storage,
    });
  },
  notDifferentiable: secondDerivatives,
};

/** P, the factor matrices of its model, and a place for M_d of every axis; those that are left out are not made. */
export interface MttkrpTask {
  readonly model: readonly Part[];
  readonly tensor: Part;
  readonly results: readonly (Part | undefined)[];
  readonly scale: number;
}

type Buffers = Readonly<Record<'tensor' | 'factor' | 'result', Storage>>;

// What one number of a table costs in multiply-adds of a product, for being stored once and read twice, and how many of those
// another dispatch is worth.
const [tableCost, dispatchCost] = [40, 2 ** 18];

/**
 * The MTTKRPs of tasks of one number of axes, which write beside others in the result's storage.
 *
 * @param cut m, or 0 for a product of each axis's own.
 */
export function mttkrpDispatches(
  device: Device,
  tasks: readonly MttkrpTask[],
  buffers: Buffers,
  cut = cutOf(device, tasks),
): readonly Dispatch[] {
  const axes = tasks[0].model.length;
  return cut === 0
    ? ofAxes(device, tasks, buffers, 0, axes)
    : [...ofSide(device, tasks, buffers, 0, cut), ...ofSide(device, tasks, buffers, cut, axes)];
}

/** The cheapest cut, by the first of the tasks: a model's sums do not depend on how many others there are. */
export function cutOf(device: Device, tasks: readonly MttkrpTask[]): number {
  const [{ model, tensor, results }] = tasks;
  if (results.includes(undefined)) return 0;
  const axes = model.length;
  const extents = extentsOf(model, tensor);
  const product = sizeOf(extents) * rankOf(model);
  const side = (from: number, to: number) => {
    const table = sizeOf(extents.slice(from, to)) * padded(rankOf(model));
    if (to - from === 1) return product;
    if (4 * table * tasks.length > device.mostBindingBytes) return Infinity;
    return product + tableCost * table + dispatchCost * (to - from - 1);
  };
  let [best, least] = [0, axes * product];
  for (let cut = axes - 1; cut > 0; cut--) {
    const cost = side(0, cut) + side(cut, axes);
    if (cost < least) [best, least] = [cut, cost];
  }
  return best;
}

/** Stored indices of each axis: those of the last are padded to quads, which a table keeps. */
function extentsOf(model: readonly Part[], tensor: Part): Shape {
  return [...gridOf(model).slice(0, -1), tensor.stride];
}

/** A product with the tensor for each of some axes. */
function ofAxes(device: Device, tasks: readonly MttkrpTask[], buffers: Buffers, from: number, to: number) {
  const axes = tasks[0].model.length;
  // The last axis lies along the rows of the tensor, every other across them: two texts of one kernel.
  return [false, true].flatMap(last => {
    const problems = tasks.flatMap(({ model, tensor, results, scale }) =>
      results.flatMap((result, axis) =>
        result && axis >= from && axis < to && (axis === axes - 1) === last
          ? [mttkrpProblem(model, tensor, result, axis, scale)]
          : [],
      ),
    );
    if (problems.length === 0) return [];
    const constants = { AXES: axes, LAST: last };
    return besideOthers(productDispatches(device, kernels.mttkrp, { constants, problems, buffers }), buffers.result);
  });
}

/** All axes of one side. */
function ofSide(device: Device, tasks: readonly MttkrpTask[], buffers: Buffers, from: number, to: number): Dispatch[] {
  const count = to - from;
  if (count === 1) return ofAxes(device, tasks, buffers, from, to);
  const extents = tasks.map(({ model, tensor }) => extentsOf(model, tensor));
  /** Of every task a table for each stretch of so many axes. */
  const tablesOf = (length: number) =>
    scratch(
      stackOf(
        tasks.flatMap(({ model }, t) =>
          Array.from({ length: count - length + 1 }, (_, i) => [
            sizeOf(extents[t].slice(from + i, from + i + length)),
            rankOf(model),
          ]),
        ),
      ),
    );
  let tables = tablesOf(count);
  const joint = tasks.map((task, t) => {
    // The axes as one, whose factor matrix is not read.
    const [table, { model, tensor }] = [tables.layout.parts[t], task];
    return {
      ...task,
      model: [...model.slice(0, from), table, ...model.slice(to)],
      tensor: to < model.length ? tensor : { ...tensor, stride: rowsOf(table.shape) },
      results: model.map(() => table),
    };
  });
  const dispatches = ofAxes(device, joint, { ...buffers, result: tables.storage }, from, from + 1);
  // From every stretch of axes those that are one shorter, until each is one axis.
  for (let stretches = 2; stretches <= count; stretches++) {
    const length = count - stretches + 1;
    const next = length > 1 ? tablesOf(length) : undefined;
    const problems = tasks.flatMap(({ model, results }, t) =>
      Array.from({ length: stretches }, (_, i) => {
        const first = from + i;
        // One before without its last axis, and the last of those without its first.
        const dropsLast = i < stretches - 1;
        const dropped = dropsLast ? first + length : first - 1;
        return sumsProblem(
          tables.layout.parts[t * (stretches - 1) + (dropsLast ? i : i - 1)],
          model[dropped],
          next ? next.layout.parts[t * stretches + i] : (results[first] as Part),
          dropsLast ? [extents[t][dropped], 1] : [1, sizeOf(extents[t].slice(first, first + length))],
        );
      }),
    );
    const result = next?.storage ?? buffers.result;
    const sums = dispatch(kernels.weightedSums, {
      ...oneThreadEachOf(
        device,
        problems.map(({ rows, columns }) => rows * Math.ceil(columns / quad)),
      ),
      problems,
      buffers: { table: tables.storage, weight: buffers.factor, result },
      work: { operations: problems.reduce((sum, p) => sum + 2 * p.rows * p.columns * p.inner, 0) },
    });
    dispatches.push(...besideOthers([sums], result));
    if (next) tables = next;
  }
  return dispatches;
}

/**
 * The problem of kernels/contraction/weightedSums.wgsl.
 *
 * @param steps rows of the table from one index of the result to the next, and from one index of the sum to the next.
 */
export function sumsProblem(table: Part, weight: Part, result: Part, [rowStep, innerStep]: readonly [number, number]) {
  const { first, stride } = quadsOf(table);
  return {
    rows: rowsOf(result.shape),
    columns: columnsOf(result.shape),
    inner: rowsOf(weight.shape),
    table: first,
    rowStride: rowStep * stride,
    innerStride: innerStep * stride,
    ...placesOf({ weight, result }),
  };
}

/**
 * What `mttkrp` gives of the same tensor and factor matrices, which differ in nothing but the order in which sums are
 * rounded.
 *
 * @throws InputError as `mttkrp`.
 */
export function mttkrpByTree(tensor: Value, factors: Value, attributes: CpAttributes): Value {
  return applyOne(operation, [tensor, factors], attributes);
}
