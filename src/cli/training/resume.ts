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
    const [theirs, ours] = [JSON.stringify(there[key]), JSON.stringify(here[key])];
    if (theirs !== ours) {
      throw new InputError(
        `--resume ${path}: is another model: its ${key} is ${worded(there[key])}, and this fit's ${worded(here[key])}: give the options that it was trained with`,
      );
    }
  }
  requireResumable(path, saved.state);
  requireSameOptions(options, saved.training);
  // A run that was killed between its last save and its end has its pictures still to make.
  const hasWork = saved.state.step < steps || (saved.state.step === steps && isUnfinished(dirname(path)));
  if (!hasWork) {
    throw new InputError(`--steps ${steps}: ${path} has made ${saved.state.step} steps: ask for more`);
  }
  return saved;
}

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
