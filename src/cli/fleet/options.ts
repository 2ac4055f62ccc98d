/** The options of `sepnn fleet`. */

import { InputError } from '../../errors.js';
import { spelled } from '../../host/checks.js';
import { mostSeed } from '../../host/random.js';
import { type AskedOptions, addImageOptions, parametersOption, presetOption } from '../fit/options.js';
import { adapterOption, matrixUnitsOption, real, valueOption, whole } from '../options.js';
import { beside, requireMeaning, withoutIdle } from '../training/needs.js';
import { addModelOptions, addOptimiserOptions, optimiserNeeds } from '../training/options.js';
import type { Command } from '../vendor.js';

/** Those of `fit` that are about one image at a time. */
type OfOneImage =
  | ('mask' | 'validate' | 'patience' | 'noise' | 'quality' | 'seconds' | 'reportEvery')
  | ('tune' | 'compare' | 'resume' | 'resumeAnyway' | 'saveEvery');

export interface FleetOptions extends Omit<AskedOptions, OfOneImage> {
  /** Models that are trained together. */
  readonly batch?: number;
  /** The address of a Redis that hands the images out. */
  readonly queue?: string;
  /** Of the queue there, where the command's own words are not to tell it from others. */
  readonly queueName?: string;
  /** Seconds after which a worker that is not heard of has died. */
  readonly lock: number;
  /** To say how the queue stands, and do nothing else. */
  readonly status: boolean;
  /** To take the queue away, and do nothing else. */
  readonly clear: boolean;
}

const besideQueue = beside('queue', 'there is no queue: give --queue redis://host:6379 too');
/** Where a queue stands, and what it is called: none of it decides what is computed. */
const queueNeeds = { queueName: besideQueue, lock: besideQueue, status: besideQueue, clear: besideQueue };

export function addFleetOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.option('--out <dir>', 'folder for the results', 'sepnn-fleet');
  add('--batch <N>', 'models that are trained together (default: by memory and speed)', whole('--batch', 1, 4096));
  command.option('--queue <url>', 'share the images with workers elsewhere, by a Redis: redis://host:6379');
  add('--queue-name <name>', 'of the queue there (default: by the folder and the options)', queueName);
  add(
    '--lock <seconds>',
    'with --queue: silence of a worker after which others take its images',
    real('--lock', 0.1, 1e5),
    30,
  );
  command.option('--status', 'with --queue: say how it stands, and do nothing else', false);
  command.option('--clear', 'with --queue: take it away, and do nothing else; results stay', false);
  addImageOptions(command).addOption(presetOption()).addOption(parametersOption('rank and width'));
  addModelOptions(command, {});
  addOptimiserOptions(command, {}, { topK: 'eigenpairs modulated' });
  add('--seed <N>', 'of everything random, alike for all images', whole('--seed', 0, mostSeed), 0);
  command.addOption(adapterOption()).addOption(matrixUnitsOption());
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

/** Redis keys have colons between their parts. */
function queueName(text: string): string {
  if (/^[^:\s]{1,100}$/.test(text)) return text;
  throw new InputError(`--queue-name ${spelled(text)}: use 1 to 100 characters, no colon or space`);
}

/** The options as though one image were to be fitted. */
export function askedOf(options: FleetOptions): AskedOptions {
  const { batch: _, queue: _of, queueName: _name, lock: _lock, status: _status, clear: _clear, ...others } = options;
  const { optimiser = 'adam' } = options; // what `fit` would pick may have no step for many models at once
  return { ...others, optimiser, reportEvery: 1, tune: false, compare: false, resumeAnyway: false, saveEvery: 0 };
}

/** What decides the results of an image. */
export function decisiveOf(options: FleetOptions): Readonly<Record<string, unknown>> {
  const { out: _out, adapter: _adapter, json: _json, ...others } = askedOf(options);
  return others;
}

/** What is told of the options: those of one image alone mean nothing here. */
export function settingsOf(options: FleetOptions): Readonly<Record<string, unknown>> {
  const {
    reportEvery: _every,
    tune: _tune,
    compare: _compare,
    resumeAnyway: _anyway,
    saveEvery: _save,
    ...others
  } = decisiveOf(options);
  return withoutIdle(others, optimiserNeeds);
}

/** @throws InputError an option of a queue where there is none, or two that each want to do nothing else. */
export function requireQueueOptions(options: FleetOptions, given: Command): void {
  requireMeaning(given, options, queueNeeds);
  if (options.status && options.clear) throw new InputError('--status with --clear: leave one of them out');
}
