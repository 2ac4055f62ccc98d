/**
 * The tensor-train contraction (Oseledets 2011): Z[i_1 .. i_D] = scale F_1[i_1] F_2[i_2] .. F_D[i_D], where row i of the
 * factor matrix F_d, (n_d, R_{d-1} R_d), is the matrix F_d[i], (R_{d-1}, R_d), r_{d-1} slow, and R_0 = R_D = 1.
 *
 * It is contracted from the left: T_1 = F_1, T_d[.., i_d, s] = sum_r T_{d-1}[.., r] F_d[i_d, r, s], Z = scale T_{D-1} F_D^T.
 * The T_d, (n_1 .. n_d, R_d), are kept for the VJP, which runs through the same products from the right.
 */

import { columnsOf, formatShape, type Layout, type Part, rowsOf, type Shape, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply, applyOne } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch, secondDerivatives } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { productDispatch, productDispatches } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { asValue } from '../elementwise/fill.js';
import { multiplyDeep, multiplyStored, productOfParts, quadsOf, type StoredProduct } from '../linear/product.js';
import { factorsByModel, gridOf } from './factorMatrices.js';

/** Ranks and scale of a tensor train. */
export interface TtAttributes {
  /** R_1 .. R_{D-1}, one fewer than axes. */
  readonly ranks: readonly number[];
  /** c, the factor of the whole product. */
  readonly scale: number;
}

const contraction: Operation<TtAttributes> = {
  name: 'contractTt',
  shapes: ([factors], attributes) => {
    const models = modelsOf(factors, attributes);
    const prefixes = attributes.ranks.slice(1).map((rank, i) => stackOf(models.map(m => prefixShape(m, i + 2, rank))));
    return [stackOf(models.map(gridOf)), ...prefixes];
  },
  lower: ({ device, attributes, inputs: [factors], outputs: [result, ...prefixes] }) => {
    const models = modelsOf(factors.layout, attributes);
    const { ranks, scale } = attributes;
    const axes = ranks.length + 1;
    const steps = prefixes.map((prefix, i) => {
      const before = prefixOf(i + 1, factors, models, prefixes);
      return productDispatch(device, kernels.ttStep, {
        problems: models.map((model, m) =>
          stepProblem(before.parts[m], model[i + 1], prefix.layout.parts[m], ranks[i], ranks[i + 1]),
        ),
        buffers: { prefix: before.storage, core: factors.storage, result: prefix.storage },
      });
    });
    const before = prefixOf(axes - 1, factors, models, prefixes);
    const last = multiplyStored(
      device,
      models.map((model, m) =>
        unfolded(before.parts[m], model[axes - 1], result.layout.parts[m], ranks[axes - 2], scale),
      ),
      { left: before.storage, right: factors.storage, result: result.storage },
      { transposeRight: true },
    );
    return [...steps, last];
  },
  vjp: ({ attributes, inputs: [factors], outputs: [output, ...prefixes], cotangents: [cotangent, ...others] }) => {
    if (others.some(other => other !== undefined)) {
      throw new InputError('contractTt: a gradient flows into its residuals, which are not differentiable');
    }
    if (cotangent === undefined) return [];
    return [applyOne(backward, [asValue(cotangent, output), factors, ...prefixes], attributes)];
  },
};

const backward: Operation<TtAttributes> = {
  name: 'contractTtVjp',
  shapes: ([, factors]) => [factors],
  lower: ({ device, attributes, inputs: [tensor, factors, ...prefixes], outputs: [gradient] }) => {
    const models = modelsOf(factors.layout, attributes);
    const gradients = modelsOf(gradient.layout, attributes);
    const { ranks, scale } = attributes;
    const axes = ranks.length + 1;
    // The cotangent at T_d; T_1 is F_1 itself.
    const cotangentOf = (d: number): Located =>
      d === 1
        ? { parts: gradients.map(model => model[0]), storage: gradient.storage }
        : located(scratch(prefixes[d - 2].layout));
    const dispatches: Dispatch[] = [];
    const before = prefixOf(axes - 1, factors, models, prefixes);
    let flowing = cotangentOf(axes - 1);
    dispatches.push(
      ...multiplyDeep(
        device,
        gradients.map((model, m) => {
          const inner = rowsOf(tensor.layout.parts[m].shape);
          return unfolded(tensor.layout.parts[m], before.parts[m], model[axes - 1], inner, scale);
        }),
        { left: tensor.storage, right: before.storage, result: gradient.storage },
        { transposeLeft: true },
      ),
      ...multiplyDeep(
        device,
        models.map((model, m) => {
          const inner = rowsOf(model[axes - 1].shape);
          return unfolded(tensor.layout.parts[m], model[axes - 1], flowing.parts[m], inner, scale);
        }),
        { left: tensor.storage, right: factors.storage, result: flowing.storage },
      ),
    );
    for (let d = axes - 1; d >= 2; d--) {
      const current = flowing;
      const prefix = prefixOf(d - 1, factors, models, prefixes);
      flowing = cotangentOf(d - 1);
      const rank = ranks[d - 1];
      dispatches.push(
        ...productDispatches(device, kernels.ttCoreCotangent, {
          problems: gradients.map((model, m) =>
            coreCotangentProblem(prefix.parts[m], current.parts[m], model[d - 1], rank),
          ),
          buffers: { left: prefix.storage, right: current.storage, result: gradient.storage },
        }),
        ...productDispatches(device, kernels.ttPrefixCotangent, {
          problems: models.map((model, m) =>
            prefixCotangentProblem(current.parts[m], model[d - 1], flowing.parts[m], rank),
          ),
          buffers: { cotangent: current.storage, core: factors.storage, result: flowing.storage },
        }),
      );
    }
    return dispatches;
  },
  notDifferentiable: secondDerivatives,
};

/** One part per model. */
interface Located {
  readonly parts: readonly Part[];
  readonly storage: Operand['storage'];
}

function located({ layout, storage }: Operand): Located {
  return { parts: layout.parts, storage };
}

/** T_d of every model, d from 1; T_1 is F_1. */
function prefixOf(
  d: number,
  factors: Operand,
  models: readonly (readonly Part[])[],
  prefixes: readonly Operand[],
): Located {
  return d === 1 ? { parts: models.map(model => model[0]), storage: factors.storage } : located(prefixes[d - 2]);
}

function prefixShape(model: readonly Part[], d: number, rank: number): Shape {
  return [...gridOf(model).slice(0, d), rank];
}

/** A product of tensors as matrices with the last axis along the columns. */
function unfolded(left: Part, right: Part, result: Part, inner: number, alpha: number): StoredProduct {
  return { ...productOfParts(left, right, result, { alpha }), inner };
}

/** The problem of kernels/contraction/ttStep.wgsl. @param before, rank R_{d-1} and R_d. */
export function stepProblem(prefix: Part, core: Part, result: Part, before: number, rank: number) {
  const { first, stride } = quadsOf(prefix);
  return {
    rows: rowsOf(prefix.shape),
    columns: rowsOf(core.shape) * result.stride,
    inner: before,
    rank,
    width: result.stride,
    prefix: first,
    prefixStride: stride,
    core: core.offset,
    coreStride: core.stride,
    coreSize: columnsOf(core.shape),
    result: quadsOf(result).first,
  };
}

/** The problem of kernels/contraction/ttPrefixCotangent.wgsl. @param rank R_d. */
export function prefixCotangentProblem(cotangent: Part, core: Part, result: Part, rank: number) {
  const { first, stride } = quadsOf(result);
  return {
    rows: rowsOf(result.shape),
    columns: columnsOf(core.shape) / rank,
    inner: rowsOf(core.shape) * cotangent.stride,
    rank,
    width: cotangent.stride,
    cotangent: quadsOf(cotangent).first,
    core: core.offset,
    coreStride: core.stride,
    coreSize: columnsOf(core.shape),
    result: first,
    resultStride: stride,
  };
}

/** The problem of kernels/contraction/ttCoreCotangent.wgsl. @param rank R_d. */
export function coreCotangentProblem(prefix: Part, cotangent: Part, result: Part, rank: number) {
  const [left, right] = [quadsOf(prefix), quadsOf(cotangent)];
  const points = rowsOf(result.shape);
  return {
    rows: columnsOf(result.shape) / rank,
    columns: points * cotangent.stride,
    inner: rowsOf(prefix.shape),
    rank,
    width: cotangent.stride,
    left: left.first,
    leftStride: left.stride,
    right: right.first,
    rightStride: points * right.stride,
    result: result.offset,
    resultStride: result.stride,
  };
}

/** The factor matrices of each of several models. @throws InputError where one does not fit the ranks. */
function modelsOf(factors: Layout, { ranks }: TtAttributes): readonly (readonly Part[])[] {
  const models = factorsByModel('contractTt', factors, ranks.length + 1);
  for (const model of models) {
    model.forEach(({ shape }, axis) => {
      const width = (ranks[axis - 1] ?? 1) * (ranks[axis] ?? 1);
      if (shape.length !== 2 || shape[1] !== width) {
        throw new InputError(
          `contractTt: the factor matrix of axis ${axis} at ranks ${ranks.join(', ')} is (points, ${width}), got ${formatShape(shape)}`,
        );
      }
    });
  }
  return models;
}

/**
 * Z[i_1 .. i_D] = scale F_1[i_1] .. F_D[i_D] for each model of a stack. Gradients are written, not accumulated.
 *
 * @param factors (n_d, R_{d-1} R_d) for d = 1..D, model by model, r_{d-1} slow; R_0 = R_D = 1.
 * @returns (n_1 .. n_D) for each model.
 * @throws InputError a number of axes outside 2..7, or factor matrices that do not fit the ranks.
 */
export function contractTt(factors: Value, attributes: TtAttributes): Value {
  requireOptions('contractTt', attributes, { ranks: true, scale: true });
  return apply(contraction, [factors], attributes)[0] as Value;
}
