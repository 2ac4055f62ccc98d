/** The options of `sepnn race`. */

import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import { type EntrantName, entrantNames } from '../../experiments/entrants.js';
import type { NamedEntrant } from '../../experiments/race/race.js';
import { mostSeed } from '../../host/random.js';
import { addImageOptions, type ImageModelOptions } from '../fit/options.js';
import {
  adapterOption,
  either,
  list,
  matrixUnitsOption,
  mostPoints,
  real,
  usualTopK,
  valueOption,
  whole,
} from '../options.js';
import type { Needs } from '../training/needs.js';
import { addModelOptions, type ModelOptions, modelNeeds, type TopKOption } from '../training/options.js';
import type { Command } from '../vendor.js';
import { entrantsFrom } from './runs.js';

export interface RaceOptions extends ModelOptions, ImageModelOptions {
  readonly out: string;
  readonly runs: readonly NamedEntrant[];
  /** k of SepPGD, for whom has none of its own. */
  readonly topK?: TopKOption;
  /** The share of the pixels that is held out. */
  readonly mask: number;
  /** In dB, ascending. */
  readonly target: readonly number[];
  readonly steps: number;
  /** Of training, for each. */
  readonly seconds?: number;
  readonly reportEvery: number;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly json: boolean;
}

/** But for the paper's plain run, whose rate is not Adam's best. */
const usualRuns = entrantNames.filter(name => name !== ('adam' satisfies EntrantName)).join(',');

export function addRaceOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.option('--out <dir>', 'folder for the results', 'sepnn-race');
  command.addOption(
    valueOption(
      '--runs <list>',
      `${entrantNames.join(', ')}, each with what differs: muon:rate=3e-3:rest=1e-3:schedule=constant:warm-up=20:momentum=0.98:iterations=3:polynomials=jordan:interleave=2:steps=300, or :seppgd=product:k=30`,
      entrantsFrom,
    ).default(entrantsFrom(usualRuns), usualRuns),
  );
  add('--target <dB>', 'the PSNR to be reached, several with commas', list('--target', real('--target', 0, 1000)), [
    30, 35, 40,
  ] as readonly number[]);
  add('--mask <fraction>', 'hold out this share of the pixels; 0 holds out none', real('--mask', 0, 0.99), 0.1);
  addImageOptions(command);
  addModelOptions(command, { rank: 150, width: 150 });
  add(
    '--top-k <k>',
    `eigenpairs that SepPGD modulates, or auto (default: ${usualTopK}, at most half the shorter axis)`,
    either('auto', whole('--top-k', 1, mostPoints)),
  );
  add('--steps <N>', 'steps of each, over which its learning rate takes its course', whole('--steps', 1, 1e7), 600);
  add('--seconds <s>', 'end each after so much training', real('--seconds', 0, 1e7, true));
  add(
    '--report-every <N>',
    'steps of a turn, with a point of the curve after each',
    whole('--report-every', 1, 1024),
    10,
  );
  add('--seed <N>', 'of everything random', whole('--seed', 0, mostSeed), 0);
  command.addOption(adapterOption()).addOption(matrixUnitsOption());
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

/** Of the model's options, and of SepPGD's where an entrant has it. */
export const raceNeeds: Needs<RaceOptions> = {
  ...modelNeeds,
  topK: ({ runs }) =>
    runs.some(({ entrant }) => entrant.combine !== undefined && entrant.topK === undefined)
      ? undefined
      : ': every one of --runs is without SepPGD, or has a k of its own: leave it out',
};

/** @throws InputError entrants that cannot train such a model, or a k or sub-grids that the shorter axis has too few points for. */
export function requireRunnable({ model, runs }: RaceOptions, shape: readonly number[]): void {
  const points = Math.min(...shape);
  for (const { name, entrant } of runs) {
    if (entrant.combine !== undefined && model === 'joint-network') {
      throw new InputError(
        `--runs ${name} with --model ${model}: SepPGD wants a factor network for each axis: name others`,
      );
    }
    if (entrant.interleave !== undefined && entrant.interleave > points) {
      throw new InputError(
        `--runs ${name}: the shorter axis has ${points} points: use interleave=1 to interleave=${points}`,
      );
    }
    if (typeof entrant.topK === 'number' && entrant.topK > points) {
      throw new InputError(`--runs ${name}: the shorter axis has ${points} points: use k=1 to k=${points}`);
    }
  }
}
