/** The readout of a model whose output is what its contraction gives. */

import type { Readout } from './readout.js';

/** What the contraction gives is the output: one number a point. */
export function identity(): Readout {
  return {
    name: 'identity',
    settings: {},
    outputs: 1,
    linear: true,
    output: contracted => contracted.output(),
    jvp: tangent => tangent,
  };
}
