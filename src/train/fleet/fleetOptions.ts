/** What a fleet is made of, what it takes in and gives out, checked before anything is allocated. */

import { sizeOfAll } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { isList, requireCount, requireNumber, requireOptions, requireValue, shown } from '../../host/checks.js';
import { requireSeed } from '../../host/random.js';
import type { SlotText } from '../../kernel/kernel.js';
import { type Model, outputShapes } from '../../model/model.js';
import type { Objective } from '../../objective/objective.js';
import { squaredError } from '../../objective/squaredError.js';
import { type LearningRate, type Optimiser, requireLearningRate } from '../../optimiser/optimiser.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { requireTarget } from '../target.js';
import { mostSteps } from '../trainedParameters.js';
import { requireTraining } from '../trainerOptions.js';
import { mostPlaces } from './batchSize.js';

/** Model, optimiser and preconditioner that all jobs of a fleet share. */
export interface FleetOptions {
  /** The model of one job; of several members where a job is several planes that are fitted together. */
  readonly model: Model;
  /** Places: models that are trained at the same time. `FleetTrainer.batchFor` says how many suit a device. */
  readonly batch: number;
  /** `adam({ learningRate: 1e-4 })`, `sgd`, `muon`, `shampoo`; a job may have a learning rate and a weight decay of its own. */
  readonly optimiser: Optimiser;
  /** `sepPgd({ topK })`, `msk` or `iga`, with numbers: a fleet has no one model by which 'auto' would choose. */
  readonly preconditioner?: Preconditioner;
  /** `squaredError()` by default; `bceWithLogits()`, or another that is a sum over points (`pointwise`). */
  readonly objective?: Objective;
  /** How many a job makes that says nothing else, from 1 to 2^32 - 1. */
  readonly steps: number;
}

/** A model to be trained. */
export interface FleetJob {
  /** By which its result is told from the others' of a run: each job has its own. */
  readonly id: string;
  /** As the target of a `Trainer` of the fleet's model; NaN marks points that are not trained on. */
  readonly target: Float32Array;
  /** As many as the target: 0 marks points that are not trained on. */
  readonly mask?: ArrayLike<number>;
  /** Of the initial parameters, from 0 to 2^32 - 1; 0 by default. */
  readonly seed?: number;
  /** A number above 0, or a function of the job's own step, counted from 0; the optimiser's by default. */
  readonly learningRate?: LearningRate;
  /** From 0; the optimiser's by default. */
  readonly weightDecay?: number;
  /** From 1 to 2^32 - 1; the fleet's by default. */
  readonly steps?: number;
  /** k of the preconditioner, for all axes or one each: up to that of the fleet, which it is by default. */
  readonly topK?: number | readonly number[];
}

/** What became of a job. */
export interface FleetResult {
  /** Of its job. */
  readonly id: string;
  /** Updates in the parameters: all that were asked for, or those up to the last finite loss. */
  readonly steps: number;
  /** Of the parameters. Not finite where not even that of the initial ones was. */
  readonly loss: number;
  /** Before each update, up to the last finite one. */
  readonly losses: Float32Array;
  /** As in the state of a `Trainer` of the fleet's model. */
  readonly parameters: Float32Array;
  /** The model's output with them, in the order of the target; where `outputs` asks for it. */
  readonly output?: Float32Array;
  /** The step, from 0, whose loss was not finite: the parameters are those from before the update that led there. */
  readonly failedAt?: number;
}

/** How far a fleet is, after a submit. */
export interface FleetReport {
  /**
   * Models under way: `id` of the job, `step`, those made so far, of its `steps`, and the last `loss`, NaN before the
   * first.
   */
  readonly running: readonly {
    readonly id: string;
    readonly step: number;
    readonly steps: number;
    readonly loss: number;
  }[];
  /** Jobs that have ended, those that failed counted in. */
  readonly ended: number;
  /** Jobs among those whose loss was no longer finite. */
  readonly failed: number;
}

/** What a run tells on the way, what its results hold, and what ends it. */
export interface FleetRunOptions {
  /** Ends the run after the submit under way; what has not ended by then is let go. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every submit. */
  onReport?(report: FleetReport): void;
  /** Whether results hold the model's output too, true by default. */
  readonly outputs?: boolean;
}

/** Where jobs come from as places get free: a list, or a generator that may wait for them. */
export type FleetJobs = Iterable<FleetJob> | AsyncIterable<FleetJob>;

/** The options with their defaults. */
export interface SettledFleet extends Omit<FleetOptions, 'objective'> {
  /** l(z, y) of the objective. */
  readonly loss: SlotText;
}

const knownOptions = {
  model: true,
  batch: true,
  optimiser: true,
  preconditioner: true,
  objective: true,
  steps: true,
} as const;

/** What `batchFor` goes by beside the model: by default Adam without a preconditioner. */
export interface BatchOptions extends Partial<Pick<FleetOptions, 'optimiser' | 'preconditioner' | 'objective'>> {
  /** Of device memory, above 0; 2^30 by default. */
  readonly bytes?: number;
}

/**
 * @param device on which it is to run.
 * @throws InputError an option that is unknown, of another kind or out of range, or that no fleet can have.
 */
export function settledFleet(options: FleetOptions, device: Pick<Device, 'mostBindingBytes'>): SettledFleet {
  requireOptions('FleetTrainer', options, knownOptions);
  const { model, batch, optimiser, preconditioner, objective = squaredError(), steps } = options;
  requireTraining(options);
  const most = mostPlaces(model, device, preconditioner !== undefined);
  if (most < 1)
    throw new InputError('model: one alone is more than this device binds: use a smaller grid, rank or width');
  requireCount('batch', batch, 1, most);
  requireCount('steps', steps, 1, mostSteps);
  requireValue('objective', objective, 'goal', 'give squaredError() or bceWithLogits()');
  const { loss } = objective;
  if (!loss) {
    throw new InputError(`objective: ${objective.name} is no sum over points by itself: give one of pointwise(..)`);
  }
  if (!optimiser.inFleets) {
    throw new InputError(
      `optimiser: ${optimiser.name} has no step for each model of a fleet: use adam, sgd, muon or shampoo`,
    );
  }
  if (preconditioner?.settle) {
    throw new InputError(
      `preconditioner: ${preconditioner.name} is to choose by a training of its own: give topK numbers`,
    );
  }
  return { model, batch, optimiser, loss, steps, ...(preconditioner && { preconditioner }) };
}

const knownOfJob = {
  id: true,
  target: true,
  mask: true,
  seed: true,
  learningRate: true,
  weightDecay: true,
  steps: true,
  topK: true,
} as const;

/**
 * @param most k of the fleet's preconditioner for each axis; none where it has none that a model may have for itself.
 * @throws InputError one that names the job.
 */
export function requireJob(model: Model, most: readonly number[], job: FleetJob): void {
  requireOptions('job', job, knownOfJob);
  const { id, target, mask, seed = 0, learningRate, weightDecay, steps, topK } = job;
  if (typeof id !== 'string') throw new InputError(`job: id ${shown(id)}: use a text`);
  try {
    const count = sizeOfAll(outputShapes(model));
    if (mask !== undefined && (!isList(mask) || mask.length !== count)) {
      throw new InputError(
        `mask: ${isList(mask) ? `${mask.length} numbers` : shown(mask)}: give ${count}, 0 for a point left out`,
      );
    }
    requireTarget('target', model, masked(target, mask));
    requireSeed(seed);
    if (learningRate !== undefined) requireLearningRate(learningRate);
    if (weightDecay !== undefined) requireNumber('weightDecay', weightDecay, { from: 0 });
    if (steps !== undefined) requireCount('steps', steps, 1, mostSteps);
    if (topK !== undefined) requireTopK(topK, most);
  } catch (error) {
    throw new InputError(`job ${shown(id)}: ${(error as Error).message}`);
  }
}

function requireTopK(topK: number | readonly number[], most: readonly number[]): void {
  if (most.length === 0)
    throw new InputError('topK: this fleet has no preconditioner with a k of each model: leave it out');
  const all = typeof topK === 'number' ? most.map(() => topK) : topK;
  if (!isList(all) || all.length !== most.length) {
    throw new InputError(`topK: ${shown(topK)}: give one number, or one for each of ${most.length} axes`);
  }
  most.forEach((limit, axis) => {
    requireCount('topK', all[axis], 1, limit);
  });
}

/** The target with NaN where the mask has 0. */
export function masked(target: Float32Array, mask?: ArrayLike<number>): Float32Array {
  return mask && isList(target) ? Float32Array.from(target, (y, i) => (mask[i] ? y : Number.NaN)) : target;
}

const knownOfRun = { signal: true, onReport: true, outputs: true } as const;

/** @throws InputError an option that is unknown or of another kind. */
export function requireRun({ jobs, options }: { readonly jobs: FleetJobs; readonly options: FleetRunOptions }): void {
  requireOptions('train', options, knownOfRun);
  const from = jobs as Partial<Iterable<FleetJob> & AsyncIterable<FleetJob>> | null | undefined;
  if (typeof from?.[Symbol.asyncIterator] !== 'function' && typeof from?.[Symbol.iterator] !== 'function') {
    throw new InputError(`train: ${shown(jobs)} is no list of jobs: give an array or a generator of { id, target }`);
  }
  const { signal, onReport } = options;
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
    throw new InputError(`signal: ${shown(signal)} is none: give that of an AbortController`);
  }
  if (onReport !== undefined && typeof onReport !== 'function') {
    throw new InputError(`onReport: ${shown(onReport)}: give a function`);
  }
}
