/** The options of `sepnn krr`: how each is read, its default, and what they amount to together. */

import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import { type MethodName, methodNames, methods } from '../../experiments/krr/methods.js';
import { type FunctionName, functionNames, type Spread, spreads } from '../../experiments/krr/problem.js';
import { relu } from '../../model/activation.js';
import { adapterOption, list, matrixUnitsOption, oneOf, real, valueOption, whole } from '../options.js';
import type { Needs } from '../training/needs.js';
import { activationNames } from '../training/options.js';
import type { Command } from '../vendor.js';

export interface KrrOptions {
  readonly out: string;
  readonly function: FunctionName;
  readonly noise: readonly number[];
  readonly methods: readonly MethodName[];
  readonly points: number;
  readonly spread: Spread;
  readonly rank: number;
  readonly width: number;
  readonly depth: number;
  readonly activation: string;
  readonly topK: number;
  readonly mskTopK: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly steps: number;
  readonly reportEvery: number;
  readonly within: number;
  readonly seeds: number;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly json: boolean;
}

/** Points of an axis of the training's grid. */
const mostAxisPoints = 2048;

export function addKrrOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.addOption(
    valueOption(
      '--function <name>',
      functionNames.join(', '),
      oneOf('--function', functionNames),
    ).makeOptionMandatory(),
  );
  command.option('--out <dir>', 'folder for the results', 'sepnn-krr');
  add('--methods <names>', methodNames.join(', '), list('--methods', oneOf('--methods', methodNames)), methodNames);
  add('--noise <sigmas>', 'deviations of the noise, one experiment each', list('--noise', real('--noise', 0, 10)), [
    0, 0.01,
  ] as readonly number[]);
  add('--seeds <N>', 'runs of each method, with the seeds 0 to N - 1', whole('--seeds', 1, 1000), 5);
  add('--points <n>', 'n x n points for training, and as many for the test', whole('--points', 2, mostAxisPoints), 30);
  add(
    '--spread <how>',
    "of the coordinates of the training's grid: regular or drawn",
    oneOf('--spread', spreads),
    spreads[0],
  );
  add('--rank <R>', 'rank of the contraction', whole('--rank', 1, 65_536), 100);
  add('--width <W>', 'width of the networks', whole('--width', 1, 65_536), 200);
  add('--depth <L>', 'linear layers of the networks', whole('--depth', 2, 64), 3);
  add('--activation <name>', activationNames.join(', '), oneOf('--activation', activationNames), relu.name);
  add('--top-k <k>', 'eigenpairs that SepPGD modulates on each axis', whole('--top-k', 1, mostAxisPoints), 5);
  add('--msk-top-k <k>', 'eigenpairs that MSK modulates', whole('--msk-top-k', 1, mostAxisPoints ** 2), 25);
  add('--lr, --learning-rate <rate>', 'of Adam', real('--learning-rate', 0, 10, true), 1e-3);
  add('--weight-decay <d>', 'L2 weight decay, the ridge', real('--weight-decay', 0, 1e3), 1e-4);
  add('--steps <N>', 'steps in all', whole('--steps', 1, 1e6), 1000);
  add('--report-every <N>', 'steps from one point of the curves to the next', whole('--report-every', 1, 1024), 10);
  add('--within <N>', 'the best test error is that of so many steps', whole('--within', 1, 1e6), 200);
  command.addOption(adapterOption()).addOption(matrixUnitsOption());
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

const modulated =
  (what: string, remedy: string) =>
  ({ methods: names }: KrrOptions) =>
    names.some(name => methods[name].modulated === what)
      ? undefined
      : `: none of --methods has it: ${remedy}, or leave it out`;

/** Of the preconditioners that are among the methods. */
export const krrNeeds: Needs<KrrOptions> = {
  topK: modulated('each axis', 'add sepnn-seppgd'),
  mskTopK: modulated('all points', 'add sepnn-msk'),
};

/** Combinations that make no sense. @throws InputError naming them. */
export function requireConsistent({ topK, mskTopK, points, methods: names }: KrrOptions): void {
  if (names.some(name => methods[name].modulated === 'each axis') && topK > points) {
    throw new InputError(`--top-k ${topK}: an axis has ${points} points: use 1 to ${points}`);
  }
  const all = points ** 2;
  if (names.some(name => methods[name].modulated === 'all points') && mskTopK > all) {
    throw new InputError(`--msk-top-k ${mskTopK}: there are ${all} points: use 1 to ${all}`);
  }
}
