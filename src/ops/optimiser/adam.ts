/** One step of Adam for all parameters of a model (Kingma and Ba 2015). */

import { quad } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { apply, requireSameLayout } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/optimiser.js';

/** Settings of a step of Adam (Kingma and Ba 2015, algorithm 1); none has a default. */
export interface AdamAttributes {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment, its bias corrected. */
  readonly epsilon: number;
  /** Times the parameters: in the gradient, or in the step where `decoupled`. */
  readonly weightDecay: number;
  /** Whether the decay shrinks the parameters by itself (AdamW) instead of entering the gradient (L2). */
  readonly decoupled: boolean;
}

/** The uniform of kernels/optimiser/adam.wgsl. @param count quads of parameters. */
export function adamSettings(count: number, settings: Omit<AdamAttributes, 'decoupled'>) {
  const { beta1, beta2 } = settings;
  const [logBeta1, logBeta2] = [Math.log(beta1), Math.log(beta2)];
  return { ...settings, count, restOfBeta1: 1 - beta1, restOfBeta2: 1 - beta2, logBeta1, logBeta2 };
}

/**
 * Quads that a thread steps: several where a processor has 4 lanes run in step, and loads for each thread what is the same
 * for all of its quads.
 *
 * @param counts what it must divide.
 */
export function quadsOfThread({ cpu, lanes }: Device, counts: readonly number[]): number {
  let quads = cpu && lanes === 4 ? 4 : 1;
  while (counts.some(count => count % quads > 0)) quads /= 2;
  return quads;
}

const operation: Operation<AdamAttributes> = {
  name: 'adam',
  updates: [0, 2, 3],
  shapes: ([parameters, gradient, first, second]) => {
    for (const other of [gradient, first, second]) requireSameLayout('adam', parameters, other);
    return [parameters, first, second];
  },
  lower: ({ device, attributes, inputs: [, gradient, , , step, rate], outputs: [parameters, first, second] }) => {
    const count = parameters.layout.length / quad;
    const QUADS = quadsOfThread(device, [count]);
    const { constants, workgroups } = oneThreadEach(device, count / QUADS);
    return [
      dispatch(kernels.adam, {
        constants: { ...constants, QUADS, DECOUPLED: attributes.decoupled },
        workgroups,
        settings: adamSettings(count, attributes),
        work: { bytes: 4 * quad * 7 * count }, // three arrays read and written, the gradient read
        buffers: {
          step: step.storage,
          learningRate: rate.storage,
          gradient: gradient.storage,
          parameter: parameters.storage,
          firstMoment: first.storage,
          secondMoment: second.storage,
        },
      }),
    ];
  },
  notDifferentiable: updatesState,
};

/** What a step of Adam brings up to date, all of one layout. */
export interface AdamState {
  /** What is trained. */
  readonly parameters: Value;
  /** The running mean of gradients, 0 before the first step. */
  readonly firstMoment: Value;
  /** The running mean of their squares, 0 before the first step. */
  readonly secondMoment: Value;
}

/**
 * The state one step on, written over the old where nobody else needs it.
 *
 * @param gradient of the parameters' layout.
 * @param step (1), u32: the number of this step, from 1.
 * @param learningRate (1): of this step.
 * @throws InputError moments or a gradient of another layout.
 */
export function adamStep(
  { parameters, firstMoment, secondMoment }: AdamState,
  gradient: Value,
  step: Value,
  learningRate: Value,
  attributes: AdamAttributes,
): AdamState {
  const inputs = [parameters, gradient, firstMoment, secondMoment, step, learningRate];
  const [next, first, second] = apply(operation, inputs, attributes);
  return { parameters: next, firstMoment: first, secondMoment: second };
}
