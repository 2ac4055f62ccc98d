/** One step of gradient descent, with momentum or without, for all parameters of a model. */

import { InputError } from '../errors.js';
import { apply, requireSameLayout, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { dispatch } from '../kernel/dispatch.js';
import { oneThreadEach } from './linear.js';

export interface SgdOptions {
  readonly rate: number;
  /** 0 by default. */
  readonly momentum?: number;
  /** L2 weight decay, 0 by default. */
  readonly decay?: number;
}

const operation: Operation<Required<SgdOptions>> = {
  name: 'sgd',
  updates: [0, 2],
  shapes: ([parameters, gradient, moment]) => {
    for (const other of [gradient, moment]) requireSameLayout('sgd', parameters, other);
    return [parameters, moment];
  },
  lower: ({ device, attributes, inputs: [, gradient], outputs: [parameters, moment] }) => {
    const count = parameters.layout.length;
    return [
      dispatch('sgd', {
        ...oneThreadEach(device, count),
        settings: { count, ...attributes },
        work: { bytes: 4 * 5 * count }, // two arrays read and written, the gradient read
        buffers: { gradient: gradient.storage, parameter: parameters.storage, moment: moment.storage },
      }),
    ];
  },
  notDifferentiable: 'it updates state',
};

/**
 * Parameters and moment one step on, in the place of the old where nobody else needs that.
 *
 * @throws InputError a rate or a momentum out of range.
 */
export function sgd(parameters: Value, moment: Value, gradient: Value, options: SgdOptions) {
  const { rate, momentum = 0, decay = 0 } = options;
  if (!(rate > 0)) throw new InputError(`sgd: rate ${rate}: use a number above 0`);
  if (!(momentum >= 0 && momentum < 1)) throw new InputError(`sgd: momentum ${momentum}: use one in [0, 1)`);
  const [next, nextMoment] = apply(operation, [parameters, gradient, moment], { rate, momentum, decay });
  return { parameters: next, moment: nextMoment };
}
