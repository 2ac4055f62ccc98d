/** The file from which a training goes on. */

import { dirname } from 'node:path';
import { InputError } from '../../errors.js';
import { isUnfinished } from '../../io/folderLock.js';
import { readModel, type SavedModel } from '../../io/model/modelFile.js';
import { describeModel } from '../../model/codec.js';
import type { Model } from '../../model/model.js';
import type { TrainingOptions } from './options.js';
import { requireSameOptions } from './record.js';
import { requireResumable } from './resumable.js';

/** The file that --resume names, if it does. @throws InputError one that cannot be read. */
export async function savedAt(path: string | undefined): Promise<SavedModel | undefined> {
  return path === undefined ? undefined : readModel(path);
}

/**
 * What was read of the file that --resume names, if it does.
 *
 * @throws InputError a file of another model or training, one that has no steps left, or one of weights alone.
 */
export function resumedFrom(
  saved: SavedModel | undefined,
  model: Model,
  options: TrainingOptions,
): SavedModel | undefined {
  const { resume: path = '', steps } = options;
  if (!saved) return undefined;
  const [there, here] = [saved.model, model].map(traitsOf);
  for (const key of Object.keys(here)) {
    if (JSON.stringify(there[key]) === JSON.stringify(here[key])) continue;
    const name = key === 'hidden' ? 'hidden units' : key;
    const is = name.endsWith('s') ? 'are' : 'is';
    const remedy = `give ${decisiveOf[key] ?? 'the options'} as for that file`;
    throw new InputError(
      `--resume ${path}: is another model: its ${name} ${is} ${worded(there[key])}, and this run's ${worded(here[key])}: ${remedy}`,
    );
  }
  requireResumable(path, saved.state);
  const { step } = saved.state;
  requireSameOptions(options, saved.training, step);
  // A run that was killed between its last save and its end has its pictures still to make.
  if (step < steps || (step === steps && isUnfinished(dirname(path)))) return saved;
  const { schedule, resumeAnyway } = options;
  const how =
    schedule === 'constant' || resumeAnyway ? '' : `, with --resume-anyway, as --schedule ${schedule} goes by them`;
  throw new InputError(`--steps ${steps}: ${path} has made ${step} steps: ask for more${how}`);
}

/** The options that make the traits of a model, by what messages call these. */
const decisiveOf: Readonly<Record<string, string>> = {
  points: '--size',
  contraction: '--model',
  rank: '--rank',
  ranks: '--rank',
  readout: '--channels and --decoder',
  hidden: '--decoder',
  outputs: '--gray',
  "readout's activation": '--decoder-activation',
  width: '--width',
  depth: '--depth',
  activation: '--activation',
  "network's activation": '--activation',
  omegas: '--omega',
  frequencies: '--fourier and --series',
  members: '--gray and --channels',
};

/** A list of frequencies or coordinates is as long as a model likes. */
function worded(value: unknown): string {
  return Array.isArray(value) && value.length > 4
    ? `${value.length} numbers from ${value[0]} to ${value.at(-1)}`
    : JSON.stringify(value);
}

/** All that a model is, each by one word: the name of a part by the part's own, what two parts have by the part's too. */
function traitsOf(model: Model): Readonly<Record<string, unknown>> {
  const traits = Object.entries(describeModel(model)).flatMap(([part, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([key, own]) => [part, key === 'name' ? part : key, own] as const)
      : [[part, part, value] as const],
  );
  const isOf = (part: string, key: string) => traits.some(([other, name]) => name === key && other !== part);
  return Object.fromEntries(traits.map(([part, key, value]) => [isOf(part, key) ? `${part}'s ${key}` : key, value]));
}
