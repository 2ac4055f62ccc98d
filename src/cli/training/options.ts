/** The options of every command that trains a model on a grid: how each is read, its default, what they amount to. */

import { sizeOf } from '../../buffer/layout.js';
import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import { type OptimiserName, optimiserNames, type ScheduleName, scheduleNames } from '../../experiments/optimisers.js';
import { mostSeed } from '../../host/random.js';
import { sine } from '../../model/activation.js';
import { activations } from '../../model/codec.js';
import { type Modulation, modulations } from '../../ops/precondition/modulate.js';
import { type Combine, combines } from '../../ops/precondition/precondition.js';
import { type RestName, restNames } from '../../optimiser/besideRest.js';
import { usualRefresh } from '../../precondition/preconditioner.js';
import { mostSubgrids } from '../../train/batches.js';
import {
  adapterOption,
  either,
  matrixUnitsOption,
  mostPoints,
  oneOf,
  real,
  valueOption,
  whole,
  wholes,
} from '../options.js';
import type { Command } from '../vendor.js';
import { beside, type Needs, only } from './needs.js';

/** Optimisers of some matrices, which leave the rest to another. */
const withRest: readonly OptimiserName[] = ['muon', 'shampoo'];
/** Those whose momentum is one number. */
const withMomentum: readonly OptimiserName[] = ['sgd', ...withRest];

export type TopKOption = 'auto' | number;

const preconditioners = ['none', 'seppgd', 'msk', 'iga'] as const;
export type PreconditionerName = (typeof preconditioners)[number];
const modulating: readonly PreconditionerName[] = ['seppgd', 'msk', 'iga'];

const modelNames = ['cp', 'tensor-train', 'tucker', 'joint-network'] as const;
export type ModelName = (typeof modelNames)[number];
/** Shorter, and what they were called before. */
const modelAliases: Readonly<Record<string, ModelName>> = { tt: 'tensor-train', mlp: 'joint-network' };

export const activationNames = Object.keys(activations);

/** Of the model that is trained, whatever trains it. */
export interface ModelOptions {
  readonly model: ModelName;
  /** One for all, or R_1 .. R_{D-1} of a tensor train, R_1 .. R_D of a Tucker model. */
  readonly rank: number | readonly number[];
  readonly width: number;
  readonly depth: number;
  readonly activation: string;
  readonly omega?: number;
  readonly fourier?: number;
  readonly series?: number;
  /** Hidden units of a decoder. */
  readonly decoder?: number;
  readonly decoderActivation?: string;
  readonly seed: number;
}

export interface TrainingOptions extends ModelOptions {
  readonly out: string;
  /** By default none for a joint network, else seppgd. */
  readonly preconditioner: PreconditionerName;
  /** Of iga: points of a group along each axis, one number for all or one each. */
  readonly group?: number | readonly number[];
  /** Steps take every so manieth point of each axis in turn, one number for all or one each. */
  readonly interleave?: number | readonly number[];
  readonly combine: Combine;
  readonly topK?: TopKOption;
  readonly modulation: Modulation;
  readonly refresh: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly optimiser: OptimiserName;
  readonly schedule: ScheduleName;
  /** Steps over which the learning rate grows from 0. */
  readonly warmUp?: number;
  readonly momentum?: number;
  /** The most that the norm of a gradient may be. */
  readonly clip?: number;
  /** Of muon and shampoo: what goes beside them, and its rate in units of the learning rate. */
  readonly rest?: RestName;
  readonly restRate?: number;
  readonly steps: number;
  readonly reportEvery: number;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly tune: boolean;
  readonly compare: boolean;
  readonly resume?: string;
  /** To go on from a file of another training. */
  readonly resumeAnyway: boolean;
  /** Seconds from one save of the model to the next. */
  readonly saveEvery: number;
  readonly json: boolean;
}

/** Where one command's defaults are not another's; what is absent the command chooses by what it is given. */
export interface TrainingDefaults {
  readonly rank?: number;
  readonly width?: number;
  /** 'auto', or a number that is cut to half of the shortest axis. */
  readonly topK?: TopKOption;
  readonly optimiser?: OptimiserName;
  readonly learningRate?: number;
  readonly schedule?: ScheduleName;
  readonly combine?: Combine;
  readonly steps?: number;
  /** Of sine and cosine, where it is not the architecture's own. */
  readonly omega?: number;
}

/** What the help says of options of which a command takes less. */
export interface OptionWords {
  readonly topK?: string;
}

/** Adds options whose default the command may choose. */
function chosenAdder(command: Command) {
  return <T>(flags: string, description: string, parse: (text: string) => T, initial: T | undefined) => {
    const said = initial === undefined ? `${description} (default: chosen)` : description;
    return command.addOption(valueOption(flags, said, parse, initial));
  };
}

/** All of a model's but --seed, which is the training's too. */
export function addModelOptions(
  command: Command,
  defaults: Pick<TrainingDefaults, 'rank' | 'width' | 'omega'>,
): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  const addChosen = chosenAdder(command);
  add('--model <kind>', modelNames.join(', '), oneOf('--model', modelNames, modelAliases), 'cp' as const);
  const rank: number | readonly number[] | undefined = defaults.rank;
  addChosen('--rank <R>', 'rank of the contraction, or its ranks: 20,30', wholes('--rank', 1, 65_536), rank);
  addChosen('--width <W>', 'width of the factor networks', whole('--width', 1, 65_536), defaults.width);
  add('--depth <L>', 'linear layers of the factor networks', whole('--depth', 1, 64), 3);
  add('--activation <name>', activationNames.join(', '), oneOf('--activation', activationNames), sine.name);
  add(
    '--omega <w>',
    `factor in a(w z) (default: ${defaults.omega ?? 30} for sine and cosine, else 1)`,
    real('--omega', 0, 1e4, true),
  );
  add('--fourier <sigma>', 'Fourier features, frequencies normal with this deviation', real('--fourier', 0, 1e4, true));
  add('--series <m>', 'encode coordinates as the first m terms of a Fourier series', whole('--series', 1, 32_768));
  return command;
}

/** Of the preconditioner and the optimiser, up to the steps in all. */
export function addOptimiserOptions(
  command: Command,
  defaults: TrainingDefaults,
  { topK = 'eigenpairs modulated, or auto: chosen by a short training' }: OptionWords = {},
): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  const addChosen = chosenAdder(command);
  add(
    '--preconditioner <name>',
    `${preconditioners.join(', ')} (default: none for joint-network and batches, else seppgd)`,
    oneOf('--preconditioner', preconditioners),
  );
  command.hook('preAction', given => {
    const { preconditioner, model, interleave } = given.opts();
    const isPlain = model === 'joint-network' || interleave !== undefined;
    if (preconditioner === undefined) given.setOptionValue('preconditioner', isPlain ? 'none' : 'seppgd');
  });
  add('--group <N>', 'points of a group of iga along each axis, or 4,8 (default: 4)', wholes('--group', 1, mostPoints));
  addChosen('--combine <how>', 'sum or product of the axes', oneOf('--combine', combines), defaults.combine);
  add('--top-k <k>', `${topK} (default: ${topKDefault(defaults)})`, either('auto', whole('--top-k', 1, mostPoints)));
  add('--modulation <g>', modulations.join(' or '), oneOf('--modulation', modulations), 'flat' as const);
  add(
    '--refresh <N>',
    'steps from one refresh of the preconditioner to the next',
    whole('--refresh', 1, 1e6),
    usualRefresh,
  );
  const optimisers = oneOf('--optimiser', optimiserNames);
  addChosen('--optimiser <name>', optimiserNames.join(', '), optimisers, defaults.optimiser);
  const rates = real('--learning-rate', 0, 10, true);
  addChosen('--lr, --learning-rate <rate>', 'of the optimiser', rates, defaults.learningRate);
  addChosen(
    '--schedule <name>',
    `${scheduleNames.join(', ')}: to 0 along a cosine or a line, or to a tenth after every third of the steps`,
    oneOf('--schedule', scheduleNames),
    defaults.schedule,
  );
  add('--warm-up <N>', 'steps over which the learning rate grows from 0', whole('--warm-up', 1, 1e7));
  add('--momentum <m>', 'of sgd, muon or shampoo (default: 0, 0.95, 0.9)', real('--momentum', 0, 0.999_999));
  add('--clip <norm>', 'the most that the norm of a gradient may be', real('--clip', 0, 1e9, true));
  add(
    '--rest <name>',
    `beside muon or shampoo, on what is no matrix: ${restNames.join(', ')} (default: adam)`,
    oneOf('--rest', restNames),
  );
  add(
    '--rest-rate <x>',
    'of what goes beside muon or shampoo, in units of --learning-rate (default: 1/3 of adam, 1e-3 of sgd)',
    real('--rest-rate', 0, 1e3, true),
  );
  add('--weight-decay <d>', 'L2 weight decay, of muon and shampoo decoupled', real('--weight-decay', 0, 1e3), 0);
  addChosen('--steps <N>', 'steps in all', whole('--steps', 1, 1e7), defaults.steps);
  return command;
}

export function addTrainingOptions(command: Command, defaults: TrainingDefaults): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.option('--out <dir>', 'folder for the results', 'sepnn-out');
  addModelOptions(command, defaults);
  addOptimiserOptions(command, defaults);
  add(
    '--interleave <N>',
    'steps take every N-th point of each axis in turn, or 2,3: sub-grids as batches; no preconditioner has them',
    wholes('--interleave', 1, mostPoints),
  );
  add('--report-every <N>', 'steps from one point of the curve to the next', whole('--report-every', 1, 1e6), 25);
  add('--seed <N>', 'of everything random', whole('--seed', 0, mostSeed), 0);
  command.addOption(adapterOption()).addOption(matrixUnitsOption());
  command.option(
    '--tune',
    'measure once which kernels run fastest here, which takes minutes on a processor; results then differ by rounding',
    false,
  );
  command.option('--compare', 'a plain run first, then the preconditioned one', false);
  command.option('--resume <file>', 'go on from a model file of this same training');
  command.option('--resume-anyway', 'go on although what was recorded of the training differs', false);
  add('--save-every <seconds>', 'from one save of the model to the next', real('--save-every', 0, 1e6), 30);
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

function topKDefault(defaults: TrainingDefaults): string {
  const topK: TopKOption | 'chosen' = defaults.topK ?? 'chosen';
  return typeof topK === 'string' ? topK : `${topK}, at most half the shortest axis`;
}

/** @throws InputError another count of ranks than such a model of so many axes has. */
export function requireRanks(
  { model, rank = 1 }: Pick<ModelOptions, 'model'> & Partial<ModelOptions>,
  axes: number,
): void {
  const ranks = { cp: 1, 'tensor-train': axes - 1, tucker: axes, 'joint-network': 1 }[model];
  if (typeof rank !== 'number' && rank.length !== ranks) {
    const use = ranks === 1 ? 'give one' : `give one, or ${ranks}`;
    throw new InputError(`--rank ${rank.join(',')}: ${rank.length} numbers for --model ${model}: ${use}`);
  }
}

/** Of a model's options. The fewest layers have no activation, whose factor and width then are of nothing. */
export const modelNeeds: Needs<Partial<ModelOptions>> = {
  rank: only('model', ['cp', 'tensor-train', 'tucker'], 'have ranks'),
  width: ({ depth, fourier }) => (depth === 1 && fourier === undefined ? ofNoActivation : undefined),
  omega: ({ depth }) => (depth === 1 ? ofNoActivation : undefined),
  decoderActivation: beside('decoder', 'there is no decoder: give --decoder 64 too'),
};
const ofNoActivation = ' with --depth 1: one layer has no hidden units: leave one of them out';

/** Of a preconditioner's and an optimiser's. */
export const optimiserNeeds: Needs<Partial<Pick<TrainingOptions, 'preconditioner' | 'optimiser'>>> = {
  group: only('preconditioner', ['iga'], 'has groups'),
  combine: only('preconditioner', ['seppgd'], 'has axes to combine'),
  topK: only('preconditioner', modulating, 'modulate eigenpairs'),
  modulation: only('preconditioner', modulating, 'modulate eigenpairs'),
  refresh: only('preconditioner', modulating, 'are refreshed'),
  momentum: only('optimiser', withMomentum, 'have one'),
  rest: only('optimiser', withRest, 'have another beside them'),
  restRate: only('optimiser', withRest, 'have another beside them'),
};

/** Of those of a training from which a file is written. */
export const trainingNeeds: Needs<Partial<TrainingOptions>> = {
  ...optimiserNeeds,
  resumeAnyway: beside('resume', 'there is nothing to go on from: give --resume FILE too'),
};

/** The options that are compared, some of which may still be chosen: those are looked at where they are there. */
export type SomeOptions = Pick<TrainingOptions, 'model' | 'preconditioner' | 'interleave' | 'compare' | 'resume'> &
  Partial<Pick<TrainingOptions, 'rank'>>;

/** Combinations that make no sense on a grid of so many axes. @throws InputError naming them. */
export function requireConsistent(options: SomeOptions, axes: number): void {
  const { model } = options;
  requireRanks(options, axes);
  if (options.resume !== undefined && options.compare) {
    throw new InputError('--resume with --compare: one file cannot continue two runs: leave one of them out');
  }
  requirePreconditioner(options);
  requireInterleave(options, axes);
  if (options.compare && options.preconditioner === 'none') {
    if (model === 'joint-network')
      throw new InputError(`--compare with --model ${model}: say with what: --preconditioner msk or iga`);
    throw new InputError('--compare with --preconditioner none: there is nothing to compare: leave one of them out');
  }
}

/** @throws InputError batches of a grid with a preconditioner, or another count of numbers than it has axes. */
function requireInterleave({ interleave, preconditioner, compare }: SomeOptions, axes: number): void {
  if (interleave === undefined) return;
  if (compare) {
    throw new InputError(
      `--interleave ${interleave} with --compare: no preconditioner has batches to compare: leave one of them out`,
    );
  }
  if (preconditioner !== 'none') {
    throw new InputError(
      `--interleave ${interleave} with --preconditioner ${preconditioner}: its eigenvectors are of the whole grid: leave one of them out`,
    );
  }
  if (typeof interleave !== 'number' && interleave.length !== axes) {
    throw new InputError(
      `--interleave ${interleave}: ${interleave.length} numbers for ${axes} axes: give one, or ${axes}`,
    );
  }
  const count = typeof interleave === 'number' ? interleave ** axes : sizeOf(interleave);
  if (count > mostSubgrids) {
    throw new InputError(
      `--interleave ${interleave}: ${count} sub-grids: use numbers that make at most ${mostSubgrids}`,
    );
  }
}

/** @throws InputError an axis that has fewer points than steps leave out. */
export function requireSubgrids(
  { interleave = 1 }: Pick<TrainingOptions, 'interleave'>,
  shape: readonly number[],
): void {
  const axis = shape.findIndex((points, d) => points < (typeof interleave === 'number' ? interleave : interleave[d]));
  if (axis < 0) return;
  throw new InputError(`--interleave ${interleave}: axis ${axis} has ${shape[axis]} points: use 1 to ${shape[axis]}`);
}

/** @throws InputError a preconditioner that the model does not have. */
function requirePreconditioner({ model, preconditioner }: SomeOptions): void {
  const rival = preconditioner === 'msk' || preconditioner === 'iga';
  const given = `--preconditioner ${preconditioner}`;
  if (model === 'joint-network' && preconditioner === 'seppgd') {
    throw new InputError(
      `${given} with --model ${model}: it has no factor network for each axis: use msk, iga or none`,
    );
  }
  if (rival && model !== 'cp' && model !== 'joint-network') {
    throw new InputError(`${given} with --model ${model}: is for cp and joint-network: use seppgd or none`);
  }
}
