/** The options of `sepnn fit`: how each is read, its default, and what they amount to together. */

import type { AdapterKind } from '../device/adapter.js';
import { InputError } from '../errors.js';
import { type Activation, activations } from '../ops/factorNetwork.js';
import { type Modulation, modulations } from '../ops/modulate.js';
import type { Combination } from '../ops/precondition.js';
import { modelKinds, type SeparableModel } from '../separable/model.js';
import { oneOf, real, type Size, size, whole, wholes } from './options.js';
import { type Command, Option } from './vendor.js';

export interface FitOptions {
  readonly out: string;
  readonly size?: Size;
  readonly gray: boolean;
  readonly model: SeparableModel['kind'];
  /** One for all, or R_1 .. R_{D-1} of a tensor train, R_1 .. R_D of a Tucker model. */
  readonly rank: number | readonly number[];
  readonly width: number;
  readonly depth: number;
  readonly activation: Activation;
  readonly omega?: number;
  readonly fourier?: number;
  readonly preconditioner: 'none' | 'seppgd';
  readonly combine: Combination;
  readonly topK?: number;
  readonly modulation: Modulation;
  readonly refresh: number;
  readonly lr: number;
  readonly weightDecay: number;
  readonly steps: number;
  readonly reportEvery: number;
  readonly mask?: number;
  readonly noise?: number;
  readonly seed: number;
  readonly adapter: AdapterKind | 'auto';
  readonly tune: boolean;
  readonly compare: boolean;
  readonly resume?: string;
  readonly json: boolean;
}

export const adapterKinds = ['auto', 'hardware', 'software', 'embedded'] as const;

/** Points of an axis, and so pixels of a side. */
const mostPoints = 16_384;

export function addFitOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) => {
    const option = new Option(flags, description).argParser((text: string) => parse(text));
    command.addOption(initial === undefined ? option : option.default(initial));
  };
  command.option('--out <dir>', 'folder for the results', 'sepnn-out');
  add('--size <N|WxH>', "resize the image first (default: the image's own size)", size('--size', mostPoints));
  command.option('--gray', 'fit the luma alone', false);
  add('--model <kind>', modelKinds.join(', '), oneOf('--model', modelKinds), 'cp' as const);
  add(
    '--rank <R>',
    'rank of the contraction; for tucker, R or R_1,R_2',
    wholes('--rank', 1, 65_536),
    150 as number | readonly number[],
  );
  add('--width <W>', 'width of the factor networks', whole('--width', 1, 65_536), 150);
  add('--depth <L>', 'linear layers of the factor networks', whole('--depth', 2, 64), 3);
  add('--activation <name>', activations.join(', '), oneOf('--activation', activations), 'sine' as const);
  add('--omega <w>', 'factor in a(w z) (default: 30 for sine and cosine, else 1)', real('--omega', 0, 1e4, true));
  add('--fourier <sigma>', 'Fourier features, frequencies normal with this deviation', real('--fourier', 0, 1e4, true));
  add(
    '--preconditioner <name>',
    'none or seppgd',
    oneOf('--preconditioner', ['none', 'seppgd'] as const),
    'seppgd' as const,
  );
  add('--combine <how>', 'sum or product of the axes', oneOf('--combine', ['sum', 'product'] as const), 'sum' as const);
  add(
    '--top-k <k>',
    'eigenpairs modulated (default: 70, at most half the shorter axis)',
    whole('--top-k', 1, mostPoints),
  );
  add('--modulation <g>', modulations.join(' or '), oneOf('--modulation', modulations), 'flat' as const);
  add('--refresh <N>', 'steps from one refresh of the preconditioner to the next', whole('--refresh', 1, 1e6), 10);
  add('--lr <rate>', 'learning rate of Adam', real('--lr', 0, 10, true), 1e-4);
  add('--weight-decay <d>', 'L2 weight decay', real('--weight-decay', 0, 1e3), 0);
  add('--steps <N>', 'steps in all', whole('--steps', 1, 1e7), 1300);
  add('--report-every <N>', 'steps from one point of the curve to the next', whole('--report-every', 1, 1e6), 25);
  add('--mask <fraction>', 'hold out this share of the pixels', real('--mask', 0, 0.99, true));
  add('--noise <sigma>', 'add normal noise to what is fitted', real('--noise', 0, 10, true));
  add('--seed <N>', 'of everything random', whole('--seed', 0, 2 ** 32 - 1), 0);
  add('--adapter <name>', adapterKinds.join(', '), oneOf('--adapter', adapterKinds), 'auto' as const);
  command.option('--tune', 'measure once which kernels run fastest here; results then differ by rounding', false);
  command.option('--compare', 'a plain run first, then the preconditioned one', false);
  command.option('--resume <file>', 'go on from a model file of this same fit');
  command.option('--json', 'print one JSON object and nothing else on stdout', false);
  return command;
}

/** How many ranks each kind of model has on an image, whose grid has two axes. */
const rankCounts: Readonly<Record<SeparableModel['kind'], number>> = { cp: 1, tt: 1, tucker: 2 };

/** Combinations that make no sense. @throws InputError naming them. */
export function requireConsistent(options: FitOptions): void {
  const { model, rank } = options;
  if (typeof rank !== 'number' && rank.length !== rankCounts[model]) {
    const use = rankCounts[model] === 1 ? 'give one' : `give one, or ${rankCounts[model]}`;
    throw new InputError(`--rank ${rank.join(',')}: ${rank.length} numbers for --model ${model}: ${use}`);
  }
  if (options.resume !== undefined && options.compare) {
    throw new InputError('--resume with --compare: one file cannot continue two runs: leave one of them out');
  }
  if (options.compare && options.preconditioner === 'none') {
    throw new InputError('--compare with --preconditioner none: there is nothing to compare: leave one of them out');
  }
}
