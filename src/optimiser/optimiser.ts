/** What an optimiser is: how parameters follow a gradient, with a state of its own on the device. */

import { restoreTensors, type StateArrays, stateOfTensors } from '../buffer/namedTensors.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { assignAll, readAll } from '../graph/apply.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import { requireNumber, shown } from '../host/checks.js';
import type { Scope } from '../host/scope.js';
import type { Parameter } from '../model/parameters.js';
import type { adamStep } from '../ops/optimiser/adam.js';
import type { stepAlong } from '../ops/optimiser/muon.js';
import type { sgdStep } from '../ops/optimiser/sgd.js';

/** A learning rate, or one for each step, counted from 0. */
export type LearningRate = number | ((step: number) => number);

/** What one step of an optimiser works with. */
export interface Step {
  /** As they are before the step: [W | b] of every layer and all else, one stack. */
  readonly parameters: Value;
  /** Of the parameters' layout. */
  readonly gradient: Value;
  /** (1), u32: the number of this step, from 1. */
  readonly step: Value;
  /** (1): of this step. */
  readonly learningRate: Value;
  /** Whether what is refreshed now and then is refreshed in it. */
  readonly refreshing: boolean;
}

/** What an optimiser keeps on the device for one set of parameters. */
export interface OptimiserState {
  /** Which of the parameters it has tensors of, beside those of all. */
  readonly matrices?: readonly number[];
  /** Adds a step to a graph, and assigns what it keeps. @returns the parameters after it. */
  update(graph: Graph, step: Step): Value;
  /** What a later run needs to go on exactly. */
  state(): Promise<StateArrays>;
  /** Goes on from a state. @throws InputError one of other parameters. */
  restore(state: StateArrays): void;
  /** Starts anew. */
  reset(): void;
}

/** How the steps are made that optimisers put together: of one model, or of each model of a fleet by itself. */
export interface StepKinds {
  /** Of all parameters by Adam: `adamStep` for one model. */
  readonly adam: typeof adamStep;
  /** Of all parameters by gradient descent: `sgdStep` for one model. */
  readonly sgd: typeof sgdStep;
  /** By Adam on what another optimiser leaves to it, at a share of the learning rate; it goes before the other. */
  readonly adamBeside: (share: number) => typeof adamStep;
  /**
   * By gradient descent on what another optimiser leaves to it, at a share of the learning rate; it goes before the
   * other.
   */
  readonly sgdBeside: (share: number) => typeof sgdStep;
  /** Of some matrices along directions that were found for them, all else left alone. */
  readonly along: typeof stepAlong;
}

/** How parameters follow a gradient: `adam`, `sgd`, `muon`, `shampoo`, or a host's own. */
export interface Optimiser {
  /** By which states and model files name it. */
  readonly name: string;
  /** A number, or a function of the step, counted from 0; it is written to the device before each submit. */
  readonly learningRate: LearningRate;
  /**
   * Steps from one refresh of what it keeps to the next, where it has some: those at a refresh of the preconditioner, if
   * there is one that is refreshed. A trainer whose preconditioner stays as it is refreshes in every step.
   */
  readonly refresh?: number;
  /** Whether `start` goes by the kinds of steps that it is given, so that a fleet's models have counts and rates of their own. */
  readonly inFleets?: boolean;
  /**
   * Makes what it keeps on the device for one set of parameters.
   *
   * @param scope that disposes of what is made here.
   * @param parameters what stands in the parameters' stack, in its order.
   * @param kinds of the steps; by default those of one model.
   */
  start(engine: Engine, scope: Scope, parameters: readonly Parameter[], kinds?: Partial<StepKinds>): OptimiserState;
}

/**
 * The state of an optimiser that keeps tensors of the parameters' shapes, zero at first.
 *
 * @param names of the tensors.
 * @param update adds a step to a graph: the `parameters` after it, and what each tensor then holds.
 */
export function momentState<N extends string>(
  engine: Engine,
  scope: Scope,
  parameters: readonly Pick<Parameter, 'shape'>[],
  names: readonly N[],
  update: (
    step: Step,
    moments: Readonly<Record<N, Value>>,
  ) => Readonly<Record<N, Value>> & { readonly parameters: Value },
): OptimiserState {
  const shapes = parameters.map(({ shape }) => shape);
  const stacks = names.map(name => [name, scope.keep(engine.stack(shapes))]);
  const tensors = Object.fromEntries(stacks) as Record<N, Tensor>;
  return {
    update(graph, step) {
      const next = update(step, readAll(graph, tensors));
      assignAll(graph, tensors, next);
      return next.parameters;
    },
    state: () => stateOfTensors(tensors),
    restore(state) {
      if (restoreTensors(tensors, state)) return;
      throw new InputError(
        `restore: the optimiser's state is not that of these parameters: it needs ${names.join(', ')}`,
      );
    },
    reset() {
      for (const tensor of Object.values<Tensor>(tensors)) tensor.clear();
    },
  };
}

/** @throws InputError a rate that is neither a number above 0 nor a function. */
export function requireLearningRate(learningRate: LearningRate): void {
  if (typeof learningRate === 'number') requireNumber('learningRate', learningRate, { above: 0 });
  else if (typeof learningRate !== 'function') {
    throw new InputError(`learningRate: ${shown(learningRate)}: use a number above 0, or a function of the step`);
  }
}

/** The rate of a step, from 0. @throws InputError where a function gives none: 0 is one, and leaves parameters alone. */
export function learningRateAt(learningRate: LearningRate, step: number): number {
  if (typeof learningRate === 'number') return learningRate;
  const rate = learningRate(step);
  requireNumber(`learningRate at step ${step}`, rate, { from: 0 });
  return rate;
}
