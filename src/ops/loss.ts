/** Losses against a target, with the cotangent at the model's output as a second output. */

import { columnsOf, layoutOf, quad, rowsOf, stackOf } from '../buffer/layout.js';
import { apply, requireSameLayout, type Value } from '../graph/graph.js';
import { type Operation, scratch } from '../graph/operation.js';
import { dispatch, foldedWorkgroups, productDispatch, productWorkgroups, scheduleOf } from '../kernel/dispatch.js';
import { scaled } from './combine.js';
import { cpContraction } from './contractCp.js';
import { type CpAttributes, cpProblem, gridOf, modelsOf } from './cpProblem.js';
import { quadsOf } from './matmul.js';
import { sumDispatches } from './sum.js';

/** squares: 1/2 sum (Z - Y)^2. crossEntropy: the binary one with logits, summed. */
export type LossKind = 'squares' | 'crossEntropy';

const lossConstant = { squares: 0, crossEntropy: 1 } as const;
const workgroup = 64;
/** What reads the target takes rows of any length. */
const takesPacked = [1];

const cpLoss: Operation<CpAttributes & { kind: LossKind }> = {
  name: 'cpLoss',
  takesPacked,
  shapes: ([factors], { axes }) => [layoutOf([]), stackOf(modelsOf('cpLoss', factors, axes).map(gridOf))],
  lower: ({ device, attributes: { axes, scale, kind }, inputs: [factors, target], outputs: [loss, cotangent] }) => {
    const problems = modelsOf('cpLoss', factors.layout, axes).map((model, i) => {
      const { offset, stride } = target.layout.parts[i];
      return { ...cpProblem(model, cotangent.layout.parts[i], scale), targets: offset, targetsStride: stride };
    });
    const constants = { AXES: axes, LOSS: lossConstant[kind] };
    const schedule = scheduleOf(device, 'cpResidual', { constants, problems });
    const groups = productWorkgroups(device, problems, schedule).reduce((product, n) => product * n, 1);
    const partial = scratch(layoutOf([groups * schedule.invocations]));
    const contraction = productDispatch(
      device,
      'cpResidual',
      {
        constants,
        problems,
        buffers: {
          factor: factors.storage,
          targets: target.storage,
          result: cotangent.storage,
          loss: partial.storage,
        },
      },
      schedule,
    );
    return [contraction, ...sumDispatches(partial, loss)];
  },
  notDifferentiable: 'it stands for two nodes that are',
};

const pointwiseLoss: Operation<{ kind: LossKind }> = {
  name: 'loss',
  takesPacked,
  shapes: ([output, target]) => [layoutOf([]), requireSameLayout('loss', output, target)],
  lower: ({ device, attributes: { kind }, inputs: [output, target], outputs: [loss, cotangent] }) => {
    const problems = output.layout.parts.map((part, i) => {
      const [input, result] = [quadsOf(part), quadsOf(cotangent.layout.parts[i])];
      const { offset, stride } = target.layout.parts[i];
      return {
        rows: rowsOf(part.shape),
        columns: columnsOf(part.shape),
        input: input.first,
        inputStride: input.stride,
        result: result.first,
        resultStride: result.stride,
        targets: offset,
        targetsStride: stride,
      };
    });
    const most = Math.max(...problems.map(p => p.rows * Math.ceil(p.columns / quad)));
    const [wide, high] = foldedWorkgroups(most, workgroup, device);
    const partial = scratch(layoutOf([wide * high * problems.length * workgroup]));
    const residual = dispatch('pointwiseLoss', {
      constants: { WORKGROUP: workgroup, LOSS: lossConstant[kind] },
      problems,
      buffers: {
        input: output.storage,
        targets: target.storage,
        result: cotangent.storage,
        loss: partial.storage,
      },
      workgroups: [wide, high, problems.length],
    });
    return [residual, ...sumDispatches(partial, loss)];
  },
  vjp: ({ outputs: [, residual], cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
    if (typeof cotangent !== 'number') throw new Error('loss: the cotangent of a loss is a number');
    return [scaled(residual, cotangent)];
  },
  fuse: ([, target], [output], { kind }) => {
    const producer = output?.node;
    if (producer?.operation !== (cpContraction as Operation<never>)) return undefined;
    const attributes = { ...(producer.attributes as CpAttributes), kind };
    return { operation: cpLoss as Operation<never>, attributes, inputs: [producer.inputs[0], target] };
  },
};

export interface Loss {
  /** L, a scalar. */
  readonly loss: Value;
  /** G = dL/dZ, of the output's shape; 0 where the target is NaN. */
  readonly cotangent: Value;
}

/**
 * A loss of a model's output Z against a target Y. A NaN in the target marks a point that is left out.
 *
 * @param output Z, any shape or stack.
 * @param target Y, the same; a host's packed buffer is read in place.
 * @throws InputError if the shapes differ.
 */
export function lossOf(output: Value, target: Value, kind: LossKind = 'squares'): Loss {
  const [loss, cotangent] = apply(pointwiseLoss, [output, target], { kind });
  return { loss, cotangent };
}
