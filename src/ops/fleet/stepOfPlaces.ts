/** Steps of optimisers for every model of a fleet, by the count, the learning rate and the weight decay of its place. */

import { type Layout, quad } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply, requireSameLayout } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/fleet.js';
import { type AdamAttributes, type AdamState, adamSettings } from '../optimiser/adam.js';
import type { SgdAttributes } from '../optimiser/sgd.js';

/** How the models of a fleet stand in the parameters' stack. */
export interface Standing {
  readonly places: number;
  /** Parts of a model in each region of the stack: in a region one model stands after the other. */
  readonly regions: readonly number[];
}

/** The regions as a kernel's table, in quads. @throws InputError a stack of other parts. */
function regionsIn(layout: Layout, { places, regions }: Standing) {
  const expected = places * regions.reduce((sum, parts) => sum + parts, 0);
  if (layout.parts.length !== expected) {
    throw new InputError(`a fleet of ${places} places takes ${expected} parameters, got ${layout.parts.length}`);
  }
  let part = 0;
  return regions.map(parts => {
    const first = layout.parts[part].offset;
    part += places * parts;
    const end = layout.parts[part]?.offset ?? layout.length;
    return { places, first: first / quad, quads: (end - first) / quad / places };
  });
}

const adamOperation: Operation<AdamAttributes & Standing> = {
  name: 'adamOfPlaces',
  updates: [0, 3, 4, 1],
  shapes: ([parameters, before, gradient, first, second]) => {
    for (const other of [before, gradient, first, second]) requireSameLayout('adamOfPlaces', parameters, other);
    return [parameters, first, second, before];
  },
  lower: ({ device, attributes, inputs: [, , gradient, , , roster], outputs: [parameters, first, second, before] }) => {
    const problems = regionsIn(parameters.layout, attributes);
    const { constants, workgroups } = oneThreadEachOf(
      device,
      problems.map(({ places, quads }) => places * quads),
    );
    const count = parameters.layout.length / quad;
    return [
      dispatch(kernels.adamOfPlaces, {
        constants: { ...constants, DECOUPLED: attributes.decoupled },
        workgroups,
        settings: adamSettings(count, attributes),
        problems,
        work: { bytes: 4 * quad * 8 * count }, // three arrays read and written, the gradient read, one written
        buffers: {
          roster: roster.storage,
          gradient: gradient.storage,
          parameter: parameters.storage,
          firstMoment: first.storage,
          secondMoment: second.storage,
          earlier: before.storage,
        },
      }),
    ];
  },
  notDifferentiable: updatesState,
};

const sgdOperation: Operation<SgdAttributes & Standing> = {
  name: 'sgdOfPlaces',
  updates: [0, 3, 1],
  shapes: ([parameters, before, gradient, moment]) => {
    for (const other of [before, gradient, moment]) requireSameLayout('sgdOfPlaces', parameters, other);
    return [parameters, moment, before];
  },
  lower: ({ device, attributes, inputs: [, , gradient, , roster], outputs: [parameters, moment, before] }) => {
    const problems = regionsIn(parameters.layout, attributes);
    const { momentum, weightDecay } = attributes;
    return [
      dispatch(kernels.sgdOfPlaces, {
        ...oneThreadEachOf(
          device,
          problems.map(({ places, quads }) => places * quads),
        ),
        settings: { momentum, weightDecay },
        problems,
        work: { bytes: 4 * 6 * parameters.layout.length }, // two arrays read and written, the gradient read, one written
        buffers: {
          roster: roster.storage,
          gradient: gradient.storage,
          parameter: parameters.storage,
          moment: moment.storage,
          earlier: before.storage,
        },
      }),
    ];
  },
  notDifferentiable: updatesState,
};

/** Of a fleet whose step is under way. */
export interface FleetStep extends Standing {
  /** (places, 4): see `recordPlaces`. */
  readonly roster: Value;
  /** The parameters from before the last step. */
  readonly before: Value;
}

/** @returns with the parameters from before this step. */
export function adamOfPlaces(
  { parameters, firstMoment, secondMoment }: AdamState,
  gradient: Value,
  { roster, before, ...standing }: FleetStep,
  attributes: AdamAttributes,
): AdamState & { readonly before: Value } {
  const inputs = [parameters, before, gradient, firstMoment, secondMoment, roster];
  const updated = apply(adamOperation, inputs, { ...attributes, ...standing });
  return { parameters: updated[0], firstMoment: updated[1], secondMoment: updated[2], before: updated[3] };
}

/** @returns with the parameters from before this step. */
export function sgdOfPlaces(
  parameters: Value,
  moment: Value,
  gradient: Value,
  { roster, before, ...standing }: FleetStep,
  attributes: SgdAttributes,
): { readonly parameters: Value; readonly moment: Value; readonly before: Value } {
  const inputs = [parameters, before, gradient, moment, roster];
  const updated = apply(sgdOperation, inputs, { ...attributes, ...standing });
  return { parameters: updated[0], moment: updated[1], before: updated[2] };
}
