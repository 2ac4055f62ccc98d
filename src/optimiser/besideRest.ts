/** Optimisers of the matrices of all networks, and of the hidden one of a decoder, with another on what is no such matrix. */

import { numbersIn } from '../buffer/layout.js';
import { restoreTensors, type StateArrays, stateOfTensors } from '../buffer/namedTensors.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { assignAll, readAll } from '../graph/apply.js';
import type { Value } from '../graph/operation.js';
import { requireNumber, shown } from '../host/checks.js';
import type { Parameter } from '../model/parameters.js';
import { scale } from '../ops/elementwise/linearCombination.js';
import { adamStep } from '../ops/optimiser/adam.js';
import { type StepAttributes, stepAlong } from '../ops/optimiser/muon.js';
import { sgdStep } from '../ops/optimiser/sgd.js';
import { adam } from './adam.js';
import {
  type LearningRate,
  momentState,
  type Optimiser,
  type OptimiserState,
  type Step,
  type StepKinds,
} from './optimiser.js';

/** How matrices [W | b] are brought on. */
export interface OfMatrices<N extends string> {
  /** What is kept, zero at first: shapes by name, from those of the matrices. */
  readonly kept: Readonly<Record<N, (matrices: readonly Parameter[]) => readonly (readonly number[])[]>>;
  /** Whether the W of a [W | b] is one of them: `isHiddenMatrix` by default. */
  readonly isMatrix?: (parameter: Parameter) => boolean;
  readonly along: Omit<StepAttributes, 'matrices'>;
  /**
   * Where a step goes, of which the biases beside the matrices and all else are left alone.
   *
   * @param matrices their places among the parameters.
   * @returns with what remains of the gradient for the rest: 0 at the matrices.
   */
  directions(
    step: Pick<Step, 'gradient' | 'refreshing'>,
    matrices: readonly number[],
    kept: Readonly<Record<N, Value>>,
  ): Readonly<Record<N | 'direction' | 'rest', Value>>;
}

/** Adam at a share of the learning rate. */
const adamAtShare: StepKinds['adamBeside'] = share => (state, gradient, step, learningRate, attributes) =>
  adamStep(state, gradient, step, scale(learningRate, share), attributes);

/** Gradient descent at a share of the learning rate. */
const sgdAtShare: StepKinds['sgdBeside'] = share => (parameters, moment, gradient, learningRate, attributes) =>
  sgdStep(parameters, moment, gradient, scale(learningRate, share), attributes);

/** How what is no such matrix is brought on. */
export interface OfRest {
  /** `'adam'` by default; `'sgd'`: gradient descent with the momentum of the matrices, without Nesterov's look ahead. */
  readonly rest?: RestName;
  /**
   * Its learning rate at every step in units of `learningRate`, above 0: by default 1/3 of Adam, 1e-3 of gradient
   * descent.
   */
  readonly restRate?: number;
}

type Start = Parameters<Optimiser['start']>;

interface Rest {
  readonly usualRate: number;
  start(
    given: Start,
    of: { readonly learningRate: LearningRate; readonly momentum: number },
    share: number,
  ): OptimiserState;
}

const rests = {
  adam: {
    usualRate: 1 / 3,
    start([engine, scope, all, { adamBeside = adamAtShare } = {}], { learningRate }, share) {
      return adam({ learningRate }).start(engine, scope, all, { adam: adamBeside(share) });
    },
  },
  sgd: {
    usualRate: 1e-3,
    start([engine, scope, all, { sgdBeside = sgdAtShare } = {}], { momentum }, share) {
      const stepOf = sgdBeside(share);
      // Of another name than the matrices' moment.
      return momentState(
        engine,
        scope,
        all,
        ['restMoment'],
        ({ parameters, gradient, learningRate }, { restMoment }) => {
          const next = stepOf(parameters, restMoment, gradient, learningRate, { momentum, weightDecay: 0 });
          return { parameters: next.parameters, restMoment: next.moment };
        },
      );
    },
  },
} as const satisfies Readonly<Record<string, Rest>>;

export type RestName = keyof typeof rests;
export const restNames = Object.keys(rests) as readonly RestName[];

/** @throws InputError a rest that is unknown, or a rate of it out of range. */
export function besideRest<N extends string>(
  { name, learningRate, refresh }: Pick<Optimiser, 'name' | 'learningRate' | 'refresh'>,
  { rest: restName = 'adam', restRate, momentum }: OfRest & { readonly momentum: number },
  { kept, isMatrix, along, directions }: OfMatrices<N>,
): Optimiser {
  if (!restNames.includes(restName)) throw new InputError(`rest: ${shown(restName)}: use ${restNames.join(' or ')}`);
  const ofRest = rests[restName];
  const share = restRate ?? ofRest.usualRate;
  requireNumber('restRate', share, { above: 0 });
  return {
    name,
    learningRate,
    ...(refresh !== undefined && { refresh }),
    inFleets: true,
    start(...given) {
      const [engine, scope, all, { along: stepOf = stepAlong } = {}] = given;
      const matrices = matricesAmong(all, isMatrix);
      if (matrices.length === 0) {
        throw new InputError(`${name}: nothing in this model is a matrix of more than one input: use adam`);
      }
      const rest = ofRest.start(given, { learningRate, momentum }, share);
      const names = Object.keys(kept) as N[];
      const tensors = Object.fromEntries(
        names.map(one => [one, scope.keep(engine.stack(kept[one](matrices.map(part => all[part]))))]),
      ) as Record<N, Tensor>;
      return {
        matrices,
        update(graph, step) {
          const made = directions(step, matrices, readAll(graph, tensors));
          assignAll(graph, tensors, made);
          const parameters = rest.update(graph, { ...step, gradient: made.rest });
          return stepOf(parameters, made.direction, step.learningRate, { matrices, ...along });
        },
        state: async () => ({ ...(await rest.state()), ...(await stateOfTensors(tensors)) }),
        restore(state: StateArrays) {
          if (names.some(one => state[one]?.length !== numbersIn(tensors[one].layout))) {
            const needed = names.join(', ');
            throw new InputError(`restore: the optimiser's state is not that of these parameters: it needs ${needed}`);
          }
          rest.restore(state);
          restoreTensors(tensors, state);
        },
        reset() {
          rest.reset();
          for (const tensor of Object.values<Tensor>(tensors)) tensor.clear();
        },
      };
    },
  };
}

/** Which parameters, of those that are [W | b], have a W that such an optimiser updates. */
export function matricesAmong(all: readonly Parameter[], isMatrix = isHiddenMatrix): number[] {
  return all.flatMap((parameter, part) => (parameter.place && isMatrix(parameter) ? [part] : []));
}

/**
 * Hidden as the whole model has it: those of more than one input, but for a decoder's last: it gives the outputs themselves, whose size no rate of a step of
 * unit singular values knows (Jordan 2024 has Adam there too). A network's last gives factors, which others multiply.
 */
export function isHiddenMatrix({ place, shape: [, columns], owner }: Parameter): boolean {
  return place !== undefined && columns > 2 && (owner === 'network' || place.layer < place.depth - 1);
}
