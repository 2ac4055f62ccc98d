/** The file from which a run of `sepnn pde` goes on: what it records, and what of that a command line need not say again. */

import { InputError } from '../../errors.js';
import type { ProblemStart } from '../../experiments/pde/run.js';
import { isRecord, spelled } from '../../host/checks.js';
import type { SavedProblem } from '../../io/model/problemFile.js';
import { usualLastLayers } from '../../pde/lastLayers/lastLayers.js';
import { residualSepPgd } from '../../pde/precondition/residualSepPgd.js';
import { recordedOption } from '../recorded.js';
import type { Command } from '../vendor.js';
import { type DigestedProblem, digestKey, requireSameProblem } from './digest.js';
import { courseOf, lastLayersOf, networkOf, type PdeOptions, preconditionersOf, type Way } from './options.js';
import { savedReports } from './reports.js';

type Training = SavedProblem['training'];

/** What a file must agree with to be gone on from. */
export function recordOf({ name, digest }: DigestedProblem, way: Way, options: PdeOptions): Training {
  const { network, preconditioner } = way;
  const { points, activation, omega = null, width, depth, rank, redraw, seed, data } = options;
  const { optimiser, learningRate = null, schedule, steps } = courseOf(way, options);
  const { residualPreconditioner } = preconditionersOf(way);
  const solved = lastLayersOf(way, networkOf(network, options));
  const course = schedule === constant ? {} : { schedule };
  return {
    ...{ problem: name, preconditioner: preconditioner.value.preconditioner, data },
    ...{ network, optimiser, points, activation, omega, width, depth, rank, learningRate, redraw, seed, steps },
    ...(solved && { lastLayers: { turns: solved.turns, ...solved.lastLayers } }),
    ...course,
    ...(residualPreconditioner && { residualPreconditioner }),
    ...(digest && { [digestKey]: digest }),
  };
}

const constant = 'constant';

/** The options that a file records, by its keys: it decides on no other. */
const optionNames = {
  ...{
    network: 'networks',
    optimiser: 'optimisers',
    lastLayers: 'optimisers',
    learningRate: 'learningRate',
    schedule: 'schedule',
    steps: 'steps',
  },
  ...{ preconditioner: 'preconditioners', residualPreconditioner: 'preconditioners', data: 'data', points: 'points' },
  ...{ activation: 'activation', omega: 'omega', width: 'width', depth: 'depth', rank: 'rank', redraw: 'redraw' },
  seed: 'seed',
} as const satisfies Readonly<Record<string, keyof PdeOptions>>;
type RecordedKey = keyof typeof optionNames;
const ofResidual: Readonly<Record<string, string>> = { combine: 'combine', topK: 'top-k', refresh: 'refresh' };
const ofLastLayers: Readonly<Record<string, string>> = {
  turns: 'last-layers',
  iterations: 'iterations',
  damping: 'damping',
};

/**
 * With what a file records wherever an option is left to it.
 *
 * @param isSaid whether the command line says an option.
 * @throws InputError a value that the option does not take: a file may hold anything.
 */
export function withRecorded(
  command: Command,
  path: string,
  training: Training,
  options: PdeOptions,
  isSaid: (option: string) => boolean,
): PdeOptions {
  const recorded: Record<string, unknown> = { schedule: constant, ...training };
  const taken = Object.entries(optionNames).flatMap(([key, name]): readonly (readonly [string, unknown])[] => {
    if (recorded[key] === undefined || isSaid(name)) return [];
    if (recorded[key] === null) return [[name, undefined]];
    return recordedOption(command, path, name, parse => parse(wordOf(recorded, key)));
  });
  return { ...options, ...Object.fromEntries(taken) };
}

/** A value of a file as it is typed. */
function wordOf(training: Training, key: string): string {
  const differencesOf = (
    own: unknown,
    words: Readonly<Record<string, string>>,
    usual: Readonly<Record<string, unknown>>,
  ) =>
    Object.entries(words).flatMap(([name, word]) =>
      isRecord(own) && own[name] !== usual[name] ? [`${word}=${own[name]}`] : [],
    );
  const { preconditioner, residualPreconditioner, optimiser, lastLayers } = training;
  switch (optionNames[key as RecordedKey]) {
    case 'preconditioners': {
      const usual = { ...residualSepPgd() };
      return spelled([preconditioner, ...differencesOf(residualPreconditioner, ofResidual, usual)].join(':'));
    }
    case 'optimisers':
      return spelled([optimiser, ...differencesOf(lastLayers, ofLastLayers, usualLastLayers)].join(':'));
    default:
      return spelled([training[key]].flat().join(','));
  }
}

/**
 * What a run goes on from.
 *
 * @throws InputError a file of other settings or of another problem, one with more steps than are asked for, or of one run
 *   where several are.
 */
export function startOf(
  path: string,
  { training, state }: SavedProblem,
  problem: DigestedProblem,
  [way, ...more]: readonly Way[],
  options: PdeOptions,
): ProblemStart {
  if (more.length > 0)
    throw new InputError(`--resume ${path}: is of one run: give one of --networks, --optimisers and --preconditioners`);
  const { reports, [digestKey]: digest, ...saved } = training;
  // One whose last layers were left alone may have them solved now.
  const { [digestKey]: _, ...record } = recordOf(problem, saved.lastLayers ? way : unsolved(way), options);
  // A decay goes by the steps of all, and turns come after them: other runs may be made longer.
  const isOpen = saved.schedule === undefined && saved.lastLayers === undefined;
  for (const key of new Set([...Object.keys(record), ...Object.keys(saved)])) {
    if (JSON.stringify(saved[key]) === JSON.stringify(record[key]) || (key === 'steps' && isOpen)) continue;
    throw otherRun(path, key, saved, record, state.step);
  }
  requireSameProblem(`--resume ${path}`, digest, problem);
  const { steps } = courseOf(way, options);
  if (state.step > steps) {
    throw new InputError(`--steps ${steps}: ${path} has made ${state.step} steps: ask for as many, or for more`);
  }
  return { state, reports: savedReports(path, reports, state.step) };
}

function unsolved({ optimiser: { text, value }, ...way }: Way): Way {
  const { lastLayers: _, ...rest } = value;
  return { ...way, optimiser: { text, value: rest } };
}

/** @param made steps of the state in the file. */
function otherRun(path: string, key: string, saved: Training, record: Training, made: number): InputError {
  const dashed = (optionNames[key as RecordedKey] ?? key).replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
  const option = key === 'problem' ? key : `--${dashed}`;
  const wordIn = (own: Training) => {
    const whole = { schedule: constant, ...own };
    const isPart = key === 'residualPreconditioner' || key === 'lastLayers';
    return (whole as Training)[key] == null && !isPart ? undefined : wordOf(whole, key);
  };
  const [was, is] = [wordIn(saved), wordIn(record)];
  const with_ = (word: string | undefined) => (word === undefined ? `without ${option}` : `with ${option} ${word}`);
  const isOver = key === 'steps' && made >= Number(was);
  const same = was === undefined ? `leave ${option} out` : `give ${option} ${was}`;
  const remedy = isOver ? 'all of those are made: for more begin anew' : same;
  return new InputError(`--resume ${path}: was trained ${with_(was)}, and this run is ${with_(is)}: ${remedy}`);
}
