/** One step of Adam for all parameters of a model (Kingma and Ba 2015). */

import { quad } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { apply, requireSameLayout, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { dispatch } from '../kernel/dispatch.js';
import { oneThreadEach } from './linear.js';

export interface AdamOptions {
  readonly rate: number;
  readonly b1?: number;
  readonly b2?: number;
  readonly epsilon?: number;
  /** Weight decay, 0 by default. */
  readonly decay?: number;
  /** Whether the decay shrinks the parameters by itself (AdamW) instead of entering the gradient (L2). */
  readonly decoupled?: boolean;
}

/** The uniform of kernels/train/adam.wgsl. @param count quads of parameters. */
export function adamSettings(count: number, { rate, b1, b2, epsilon, decay }: Required<AdamOptions>) {
  const derived = { restOfB1: 1 - b1, restOfB2: 1 - b2, logB1: Math.log(b1), logB2: Math.log(b2) };
  return { count, rate, b1, b2, epsilon, decay, ...derived };
}

const operation: Operation<Required<AdamOptions>> = {
  name: 'adam',
  updates: [0, 2, 3],
  shapes: ([parameters, gradient, first, second]) => {
    for (const other of [gradient, first, second]) requireSameLayout('adam', parameters, other);
    return [parameters, first, second];
  },
  lower: ({ device, attributes, inputs: [, gradient, , , step], outputs: [parameters, first, second] }) => {
    const count = parameters.layout.length / quad;
    const { constants, workgroups } = oneThreadEach(device, count);
    return [
      dispatch('adam', {
        constants: { ...constants, DECOUPLED: attributes.decoupled },
        workgroups,
        settings: adamSettings(count, attributes),
        work: { bytes: 4 * quad * 7 * count }, // three arrays read and written, the gradient read
        buffers: {
          step: step.storage,
          gradient: gradient.storage,
          parameter: parameters.storage,
          firstMoment: first.storage,
          secondMoment: second.storage,
        },
      }),
    ];
  },
  notDifferentiable: 'it updates state',
};

export interface AdamState {
  readonly parameters: Value;
  readonly firstMoment: Value;
  readonly secondMoment: Value;
}

/**
 * The state one step on, in the place of the old where nobody else needs that.
 *
 * @param gradient of the parameters' layout.
 * @param step (1), u32: the number of this step, from 1.
 * @throws InputError a rate or a moment coefficient out of range.
 */
export function adam(state: AdamState, gradient: Value, step: Value, options: AdamOptions): AdamState {
  const { rate, b1 = 0.9, b2 = 0.999, epsilon = 1e-8, decay = 0, decoupled = false } = options;
  if (!(rate > 0)) throw new InputError(`adam: rate ${rate}: use a number above 0`);
  for (const b of [b1, b2])
    if (!(b > 0 && b < 1)) throw new InputError(`adam: moment coefficient ${b}: use one in (0, 1)`);
  const [parameters, firstMoment, secondMoment] = apply(
    operation,
    [state.parameters, gradient, state.firstMoment, state.secondMoment, step],
    { rate, b1, b2, epsilon, decay, decoupled },
  );
  return { parameters, firstMoment, secondMoment };
}
