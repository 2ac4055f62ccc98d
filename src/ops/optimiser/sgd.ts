/** One step of gradient descent, with momentum or without, for all parameters of a model. */

import { apply, requireSameLayout } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/optimiser.js';

/** Settings of a step of gradient descent; none has a default. */
export interface SgdAttributes {
  /** beta of m <- beta m + g; 0 for none. */
  readonly momentum: number;
  /** L2: times the parameters, added to the gradient. */
  readonly weightDecay: number;
}

const operation: Operation<SgdAttributes> = {
  name: 'sgd',
  updates: [0, 2],
  shapes: ([parameters, gradient, moment]) => {
    for (const other of [gradient, moment]) requireSameLayout('sgd', parameters, other);
    return [parameters, moment];
  },
  lower: ({ device, attributes, inputs: [, gradient, , rate], outputs: [parameters, moment] }) => {
    const count = parameters.layout.length;
    return [
      dispatch(kernels.sgd, {
        ...oneThreadEach(device, count),
        settings: { count, ...attributes },
        work: { bytes: 4 * 5 * count }, // two arrays read and written, the gradient read
        buffers: {
          learningRate: rate.storage,
          gradient: gradient.storage,
          parameter: parameters.storage,
          moment: moment.storage,
        },
      }),
    ];
  },
  notDifferentiable: updatesState,
};

/**
 * The `parameters` and the `moment` one step on, written over the old where nobody else needs it.
 *
 * @param learningRate (1): of this step.
 * @throws InputError a moment or a gradient of another layout.
 */
export function sgdStep(
  parameters: Value,
  moment: Value,
  gradient: Value,
  learningRate: Value,
  attributes: SgdAttributes,
): { parameters: Value; moment: Value } {
  const [next, nextMoment] = apply(operation, [parameters, gradient, moment, learningRate], attributes);
  return { parameters: next, moment: nextMoment };
}
