/** The options of a trainer, checked before anything is allocated. */

import { InputError } from '../errors.js';
import { requireFlag, requireOptions, requireRecord, requireValue, shown } from '../host/checks.js';
import { requireSeed } from '../host/random.js';
import type { Model } from '../model/model.js';
import type { Objective } from '../objective/objective.js';
import { squaredError } from '../objective/squaredError.js';
import type { Optimiser } from '../optimiser/optimiser.js';
import type { Preconditioner } from '../precondition/preconditioner.js';
import type { Batches } from './batches.js';
import { requireTarget, type Target } from './target.js';

/** What a `Trainer` trains on what, and how. */
export interface TrainerOptions {
  /** `defineModel({ domain, contraction, network })`. */
  readonly model: Model;
  /**
   * Y for each member and each output of it, (n_1 .. n_D) or (n), member by member; NaN marks points that are not
   * trained on. Or a tensor or a buffer on the device: see `Target`. Or a function that gives rows: see `TargetRows`.
   */
  readonly target: Target;
  /** `adam({ learningRate: 1e-4 })`, `sgd`. */
  readonly optimiser: Optimiser;
  /** `squaredError()` by default; `bceWithLogits()`. */
  readonly objective?: Objective;
  /** `sepPgd()`, `msk`, `iga`; plain gradients where it is absent. */
  readonly preconditioner?: Preconditioner;
  /**
   * Parts of the domain that steps take in turn, `interleaved(2)`; the whole in every step where they are absent. A step's
   * loss and gradient are then of its batch alone. Not for a target on the device, nor with a preconditioner, whose
   * eigenvectors are of the whole domain.
   */
  readonly batches?: Batches;
  /** Of the initial parameters, from 0 to 2^32 - 1; 0 by default. */
  readonly seed?: number;
  /** Whether to measure first which schedules run fastest here (`Engine.tune`); false by default. */
  readonly tune?: boolean;
  /** Other targets of the same size against which `evaluate` gives the loss, by name. */
  readonly evaluations?: Readonly<Record<string, Target>>;
  /**
   * A domain whose output tensor takes more bytes is trained in slabs of its first axis; what the device binds by default.
   * The result is the same to rounding. A step is then many dispatches more.
   */
  readonly slabBytes?: number;
  /**
   * With slabs, as many of a target's and of the evaluations' as take so many bytes together lie on the device, 2^30 by
   * default. The others stay on the host, and every step brings them there: of a Float32Array they are not copied, so
   * leave it as it is while the trainer lives.
   */
  readonly targetBytes?: number;
}

const known = {
  model: true,
  target: true,
  optimiser: true,
  objective: true,
  preconditioner: true,
  batches: true,
  seed: true,
  tune: true,
  evaluations: true,
  slabBytes: true,
  targetBytes: true,
} as const;

/** The options with their defaults, and every target by its name. */
export interface SettledOptions extends TrainerOptions {
  readonly objective: Objective;
  readonly seed: number;
  readonly tune: boolean;
  readonly targets: Readonly<Record<string, Target>>;
  readonly targetBytes: number;
}

const defaultTargetBytes = 2 ** 30;

/** @throws InputError an option that is unknown, of another kind or out of range, or a target that does not fit. */
export function settledOptions(options: TrainerOptions): SettledOptions {
  requireOptions('Trainer', options, known);
  const { model, target, objective = squaredError(), seed = 0, tune = false } = options;
  const { evaluations = {}, slabBytes, targetBytes = defaultTargetBytes, batches } = options;
  requireTraining(options);
  requireValue('objective', objective, 'goal', 'give squaredError() or bceWithLogits()');
  requireFlag('tune', tune);
  if (batches !== undefined) requireValue('batches', batches, 'plans', 'give interleaved(2)');
  for (const [name, bytes] of Object.entries({ slabBytes, targetBytes })) {
    if (bytes !== undefined && !(typeof bytes === 'number' && bytes >= 0)) {
      throw new InputError(`${name}: ${shown(bytes)}: use a number of bytes`);
    }
  }
  requireTarget('target', model, target);
  for (const [name, values] of Object.entries(evaluations)) requireTarget(`evaluations: ${name}`, model, values);
  return { ...options, objective, seed, tune, targets: { training: target, ...evaluations }, targetBytes };
}

/** What trainers of every kind take. */
export interface CommonOptions extends Pick<TrainerOptions, 'model' | 'optimiser' | 'preconditioner' | 'seed'> {
  readonly evaluations?: Readonly<Record<string, unknown>>;
}

/** @throws InputError one of them that is of another kind or out of range; what an evaluation holds is not looked at. */
export function requireTraining(options: CommonOptions): void {
  const { model, optimiser, preconditioner, seed = 0, evaluations = {} } = options;
  requireValue('model', model, 'domain', 'give defineModel({ .. })', 'object');
  requireValue('optimiser', optimiser, 'start', 'give adam({ learningRate: 1e-4 }) or sgd({ .. })');
  if (preconditioner !== undefined) {
    const remedy = 'give sepPgd(), msk({ .. }), iga({ .. }), or leave it out';
    requireValue('preconditioner', preconditioner, 'start', remedy);
  }
  requireSeed(seed);
  requireRecord('evaluations', evaluations, 'give each by its name');
  if ('training' in evaluations) {
    throw new InputError('evaluations: training is the name of the target itself: use another');
  }
}
