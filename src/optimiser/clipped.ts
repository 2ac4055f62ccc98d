/** Any optimiser with gradients of a bounded norm. */

import { requireNumber, requireValue } from '../host/checks.js';
import { clip } from '../ops/optimiser/clip.js';
import type { Optimiser } from './optimiser.js';

/**
 * The optimiser on gradients that are scaled down where their norm, of all parameters together, is past `most`. Its state
 * is the optimiser's own.
 *
 * @throws InputError a norm that is not above 0.
 */
export function clipped(optimiser: Optimiser, most: number): Optimiser {
  requireValue('optimiser', optimiser, 'start', 'give adam({ learningRate }), sgd or muon');
  requireNumber('clipped: most', most, { above: 0 });
  return {
    ...optimiser,
    inFleets: false, // a norm is of all parameters together
    start(...given) {
      const state = optimiser.start(...given);
      return {
        ...state,
        update: (graph, step) => state.update(graph, { ...step, gradient: clip(step.gradient, most) }),
      };
    },
  };
}
