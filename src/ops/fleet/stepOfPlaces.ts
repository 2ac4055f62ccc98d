/** Steps of optimisers for every model of a fleet, by the count, the learning rate and the weight decay of its place. */

import { type Layout, quad } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { apply, applyOne, requireSameLayout } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/fleet.js';
import { type AdamAttributes, type AdamState, adamSettings, quadsOfThread } from '../optimiser/adam.js';
import { type StepAttributes, stepsAlong } from '../optimiser/muon.js';
import type { SgdAttributes } from '../optimiser/sgd.js';

/** How the models of a fleet stand in the parameters' stack. */
export interface Standing {
  readonly places: number;
  /** Parts of a model in each region of the stack: in a region one model stands after the other. */
  readonly regions: readonly number[];
}

/** @throws InputError parameters of which there are other than each place has, or what does not lie as they do. */
function requireStanding(
  name: string,
  parameters: Layout,
  others: readonly Layout[],
  { places, regions }: Standing,
): void {
  const expected = places * regions.reduce((sum, parts) => sum + parts, 0);
  if (parameters.parts.length !== expected) {
    throw new InputError(
      `${name}: ${places} places take ${expected} parameters, got ${parameters.parts.length}: give those of one place as often`,
    );
  }
  for (const other of others) requireSameLayout(name, parameters, other);
}

/** The regions as a kernel's table, in quads, and threads for them. */
function regionsIn(device: Device, { parts, length }: Layout, { places, regions }: Standing) {
  let part = 0;
  const problems = regions.map(own => {
    const first = parts[part].offset;
    part += places * own;
    const end = parts[part]?.offset ?? length;
    return { places, first: first / quad, quads: (end - first) / quad / places };
  });
  const QUADS = quadsOfThread(
    device,
    problems.map(({ quads }) => quads),
  );
  const { constants, workgroups } = oneThreadEachOf(
    device,
    problems.map(({ quads }) => (places * quads) / QUADS),
  );
  return { problems, workgroups, constants: { ...constants, QUADS } };
}

/** Of an optimiser on parameters that another leaves to it. */
export interface Beside {
  /** Of the place's learning rate. The place's own weight decay is the other's. */
  readonly share: number;
}

const adamOperation: Operation<AdamAttributes & Standing & Partial<Beside>> = {
  name: 'adamOfPlaces',
  updates: [0, 3, 4, 1],
  shapes: ([parameters, before, gradient, first, second], attributes) => {
    requireStanding('adamOfPlaces', parameters, [before, gradient, first, second], attributes);
    return [parameters, first, second, before];
  },
  lower: ({ device, attributes, inputs: [, , gradient, , , roster], outputs: [parameters, first, second, before] }) => {
    const { constants, ...regions } = regionsIn(device, parameters.layout, attributes);
    const count = parameters.layout.length / quad;
    return [
      dispatch(kernels.adamOfPlaces, {
        ...regions,
        constants: { ...constants, DECOUPLED: attributes.decoupled, ALONE: attributes.share === undefined },
        settings: { ...adamSettings(count, attributes), share: attributes.share ?? 1 },
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

const sgdOperation: Operation<SgdAttributes & Standing & Partial<Beside>> = {
  name: 'sgdOfPlaces',
  updates: [0, 3, 1],
  shapes: ([parameters, before, gradient, moment], attributes) => {
    requireStanding('sgdOfPlaces', parameters, [before, gradient, moment], attributes);
    return [parameters, moment, before];
  },
  lower: ({ device, attributes, inputs: [, , gradient, , roster], outputs: [parameters, moment, before] }) => {
    const { momentum, weightDecay, share } = attributes;
    const { constants, ...regions } = regionsIn(device, parameters.layout, attributes);
    return [
      dispatch(kernels.sgdOfPlaces, {
        ...regions,
        constants: { ...constants, ALONE: share === undefined },
        settings: { momentum, weightDecay, share: share ?? 1 },
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
  attributes: AdamAttributes & Partial<Beside>,
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
  attributes: SgdAttributes & Partial<Beside>,
): { readonly parameters: Value; readonly moment: Value; readonly before: Value } {
  const inputs = [parameters, before, gradient, moment, roster];
  const updated = apply(sgdOperation, inputs, { ...attributes, ...standing });
  return { parameters: updated[0], moment: updated[1], before: updated[2] };
}

const alongOperation: Operation<StepAttributes & Pick<AlongOfPlaces, 'places'>> = {
  name: 'muonStepOfPlaces',
  updates: [0],
  shapes: ([parameters]) => [parameters],
  lower: ({ device, attributes, inputs: [, along, roster], outputs: [parameters] }) => {
    const { problems, ...rest } = stepsAlong(device, parameters, along, attributes);
    return [
      dispatch(kernels.muonStepOfPlaces, {
        ...rest,
        problems: problems.map((one, i) => ({ ...one, place: attributes.places[i] })),
        buffers: { roster: roster.storage, direction: along.storage, parameter: parameters.storage },
      }),
    ];
  },
  notDifferentiable: updatesState,
};

export interface AlongOfPlaces extends Pick<FleetStep, 'roster'> {
  /** Of each matrix: in which its model is. */
  readonly places: readonly number[];
}

/** `stepAlong` for every model that steps. The parameters from before it are kept by Adam, which is to go before. */
export function muonStepOfPlaces(
  parameters: Value,
  direction: Value,
  { roster, places }: AlongOfPlaces,
  attributes: StepAttributes,
): Value {
  return applyOne(alongOperation, [parameters, direction, roster], { ...attributes, places });
}
