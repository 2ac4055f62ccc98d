/** The CP contraction with a pointwise loss taken as its output is stored, which then need not be. */

import { layoutOf, sizeOf, stackOf } from '../../buffer/layout.js';
import { type Fused, type Operation, scratch } from '../../graph/operation.js';
import { joins } from '../../kernel/join.js';
import type { SlotText } from '../../kernel/kernel.js';
import { productDispatch, productWorkgroups, scheduleOf } from '../../schedule/product.js';
import { cpuSchedule } from '../../schedule/table.js';
import * as kernels from '../../wgsl/contraction.js';
import { sumDispatches } from '../elementwise/sum.js';
import { type CpAttributes, cpProblem, gridOf, modelsOf } from './factorMatrices.js';

type Attributes = CpAttributes & { readonly loss: SlotText };

/** Of factor matrices and a target: the loss, and its cotangent at the output. */
const contraction: Operation<Attributes> = {
  name: 'cpLoss',
  takesPacked: [1],
  shapes: ([factors], { axes }) => [layoutOf([]), stackOf(modelsOf('cpLoss', factors, axes).map(gridOf))],
  lower: ({
    device,
    attributes: { axes, scale, loss: text },
    inputs: [factors, target],
    outputs: [loss, cotangent],
  }) => {
    const problems = modelsOf('cpLoss', factors.layout, axes).map((model, i) => {
      const { offset, stride } = target.layout.parts[i];
      return { ...cpProblem(model, cotangent.layout.parts[i], scale), targets: offset, targetsStride: stride };
    });
    const how = { constants: { AXES: axes }, slots: { loss: text }, problems };
    let schedule = scheduleOf(device, kernels.cpLoss, how);
    const numbers = () => sizeOf(productWorkgroups(device, problems, schedule)) * schedule.invocations;
    // Of a single row a GPU's tiles have twice as many as there are numbers, which may be past what is bound.
    if (numbers() > device.mostBindingBytes / 4) schedule = cpuSchedule(device, problems);
    const partial = scratch(layoutOf([numbers()]));
    const buffers = {
      factor: factors.storage,
      targets: target.storage,
      result: cotangent.storage,
      loss: partial.storage,
    };
    // In one where dispatches are joined, so that what waits for the sum has its place beside others.
    const sums = sumDispatches(device, partial, loss, joins(device) ? 256 : undefined);
    return [productDispatch(device, kernels.cpLoss, { ...how, buffers }, schedule), ...sums];
  },
  notDifferentiable: 'it stands for two nodes that are',
};

/** What a CP contraction becomes when nothing but a pointwise loss uses its output. */
export function cpWithLoss(attributes: CpAttributes, loss: SlotText): Pick<Fused, 'operation' | 'attributes'> {
  return { operation: contraction as Operation<never>, attributes: { ...attributes, loss } satisfies Attributes };
}
