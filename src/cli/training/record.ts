/** What a model file records of its training, and whether a run that goes on from the file is the same training. */

import { createHash } from 'node:crypto';
import { InputError } from '../../errors.js';
import type { Measured, TrainingTask } from '../../experiments/trainingRun.js';
import { squaredError } from '../../objective/squaredError.js';
import { withoutIdle } from './needs.js';
import { optimiserNeeds, type TrainingOptions } from './options.js';

/** Of a file's `training`: the command's options by name, and what is named here. */
export interface TrainingRecord extends Readonly<Record<string, unknown>> {
  /** A digest of the numbers trained on, held-out points and noise included. */
  readonly target: string;
  readonly objective: string;
}

/** Of the state in the file, so that two files of one target can be compared. */
export const lossKey = 'reachedLoss';

/** Options that say where a run writes and how it is watched, and not what it computes. */
const leftOut = ['out', 'json', 'resume', 'resumeAnyway', 'saveEvery', 'compare'];

/**
 * In the order of their names: the same run begun with other words is to write the same bytes.
 *
 * @param options as the command line and the data give them.
 */
export function recordOf<M extends Measured>(
  options: TrainingOptions,
  { model, target, objective = squaredError() }: TrainingTask<M>,
): TrainingRecord {
  const recorded = Object.entries({ ...options }).filter(([name]) => !leftOut.includes(name));
  const all = [
    ...recorded,
    ['target', digestOf(target, model.domain.shape[0])],
    ['objective', objective.name],
  ] as const;
  return Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1))) as unknown as TrainingRecord;
}

/** @param rows of a target that is given by them. */
function digestOf(target: TrainingTask<Measured>['target'], rows: number): string {
  const hash = createHash('sha256');
  const add = (values: ArrayLike<number>) => {
    const { buffer, byteOffset, byteLength } = Float32Array.from(values);
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  };
  if (typeof target === 'function') for (let row = 0; row < rows; row++) add(target(row, row + 1));
  else add(target);
  return hash.digest('hex');
}

/** The loss of a file's state, where it was reached in the training that `record` describes up to its options. */
export function comparableLoss(
  training: Readonly<Record<string, unknown>>,
  record: TrainingRecord,
): number | undefined {
  const loss = training[lossKey];
  const isSame = training.target === record.target && training.objective === record.objective;
  return isSame && typeof loss === 'number' ? loss : undefined;
}

/** What decides how training goes on, by the words of the command line. The model's own are compared as the model. */
const decisive: Readonly<Record<string, string>> = {
  seed: '--seed',
  mask: '--mask',
  validate: '--validate',
  noise: '--noise',
  learningRate: '--learning-rate',
  weightDecay: '--weight-decay',
  optimiser: '--optimiser',
  schedule: '--schedule',
  warmUp: '--warm-up',
  momentum: '--momentum',
  clip: '--clip',
  rest: '--rest',
  restRate: '--rest-rate',
  preconditioner: '--preconditioner',
  interleave: '--interleave',
};
/** What was so before there was a choice. */
const usual = { optimiser: 'adam', schedule: 'constant', combine: 'sum' } as const;
const decisiveOfSchedule: Readonly<Record<string, string>> = { steps: '--steps' };
const decisiveOfPreconditioner: Readonly<Record<string, string>> = {
  group: '--group',
  combine: '--combine',
  topK: '--top-k',
  modulation: '--modulation',
  refresh: '--refresh',
};

/** The options that a file records, with what was so before there was a choice, and without what meant nothing. */
export function recordedOptions(training: Readonly<Record<string, unknown>>): Partial<TrainingOptions> {
  return withoutIdle<Partial<TrainingOptions>>({ ...usual, ...training }, optimiserNeeds);
}

/** @param made steps of the state in the file. @throws InputError options that are not those that a file records, unless they are asked for. */
export function requireSameOptions(
  options: TrainingOptions,
  recorded: Readonly<Record<string, unknown>>,
  made = 0,
): void {
  const differences = differencesOf(options, recorded);
  if (differences.length === 0) return;
  const { schedule = usual.schedule, steps } = recorded;
  // The same options would leave nothing to be done.
  const isOver = schedule !== usual.schedule && made >= Number(steps);
  const remedy = isOver ? `all of its ${steps} steps are made: give --resume-anyway for more` : undefined;
  throw otherTraining(options.resume, differences.join(', '), remedy);
}

/** In what options differ from those that a file records, where that is not asked for. */
export function differencesOf(
  { resumeAnyway, ...options }: TrainingOptions,
  recorded: Readonly<Record<string, unknown>>,
): string[] {
  if (resumeAnyway) return [];
  const given: Readonly<Record<string, unknown>> = { ...withoutIdle(options, optimiserNeeds) };
  // Files of other programs, and of versions before, record less: what they do not say is not compared.
  const isWhole = 'learningRate' in recorded;
  const before: Readonly<Record<string, unknown>> = isWhole
    ? recordedOptions(recorded)
    : withoutIdle(recorded, optimiserNeeds);
  const { preconditioner = options.preconditioner } = before;
  const compared = {
    ...decisive,
    ...(options.schedule !== usual.schedule && decisiveOfSchedule),
    ...(options.preconditioner === preconditioner && decisiveOfPreconditioner),
  };
  return Object.entries(compared).flatMap(([name, option]) => {
    if (!(name in before) && !isWhole) return [];
    const [was, now] = [before[name], given[name]].map(worded);
    const why = name in decisiveOfSchedule ? `, by which --schedule ${options.schedule} goes` : '';
    return was === now ? [] : [`${option} was ${was} and is ${now}${why}`];
  });
}

/** @throws InputError another target or objective than a file records, unless they are asked for. */
export function requireSameTask(
  { resume, resumeAnyway }: TrainingOptions,
  recorded: Readonly<Record<string, unknown>>,
  { target, objective }: TrainingRecord,
): void {
  if (resumeAnyway) return;
  if ('objective' in recorded && recorded.objective !== objective) {
    throw otherTraining(resume, `the objective was ${worded(recorded.objective)} and is ${objective}`);
  }
  if ('target' in recorded && recorded.target !== target) {
    throw otherTraining(resume, 'the numbers that it was trained on are not those of this file and these options');
  }
}

function otherTraining(
  path: string | undefined,
  differences: string,
  remedy = 'give the same, or --resume-anyway',
): InputError {
  return new InputError(`--resume ${path}: is of another training: ${differences}: ${remedy}`);
}

/** One number for all axes is the same as a list of it. */
function worded(value: unknown): string {
  if (value === undefined) return 'none';
  const isAlike = Array.isArray(value) && value.every(one => one === value[0]);
  return String(isAlike ? value[0] : value);
}
