/** The options of `sepnn pde`: how each is read, its default, and what they amount to together. */

import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import {
  type OptimiserName,
  optimiserNames,
  optimiserOf,
  type ScheduleName,
  scheduleNames,
} from '../../experiments/optimisers.js';
import { activations } from '../../model/codec.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import { type JetArchitecture, jetArchitecture } from '../../pde/network.js';
import type { Problem } from '../../pde/problem.js';
import { problems } from '../../pde/problems.js';
import { adapterOption, list, oneOf, real, valueOption, whole, wholes } from '../options.js';
import type { Command } from '../vendor.js';

const networkNames = ['plain', 'gated'] as const;
export type NetworkName = (typeof networkNames)[number];
const activationNames = ['tanh', 'sine', 'cosine'] as const;

export interface PdeOptions {
  readonly out: string;
  readonly points: number | readonly number[];
  readonly networks: readonly NetworkName[];
  readonly activation: (typeof activationNames)[number];
  readonly omega?: number;
  readonly width: number;
  readonly depth: number;
  readonly rank: number;
  readonly optimisers: readonly OptimiserName[];
  readonly learningRate?: number;
  readonly schedule: ScheduleName;
  readonly steps: number;
  readonly reportEvery: number;
  readonly redraw: number;
  readonly seed: number;
  readonly testPoints?: number;
  readonly saveEvery: number;
  readonly resume?: string;
  readonly adapter: AdapterKind | 'auto';
  readonly json: boolean;
}

/** The factor in sin(omega z) where none is given: networks of larger ones start too rough for second derivatives. */
const periodicOmega = 2;

export function addPdeOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.argument('<name>', Object.keys(problems).join(', '));
  command.option('--out <dir>', 'folder for the results', 'sepnn-pde');
  add('--points <n>', 'of each axis, or one number an axis: 16 or 16,32,32', wholes('--points', 1, 4096), 16);
  add('--networks <names>', 'plain, gated or both, a run each', list('--networks', oneOf('--networks', networkNames)), [
    'plain',
  ] as readonly NetworkName[]);
  add('--activation <name>', activationNames.join(', '), oneOf('--activation', activationNames), 'tanh');
  add('--omega <w>', `the factor in sin(w z); ${periodicOmega}, or 1 of tanh`, real('--omega', 0, 1e4, true));
  add('--width <W>', 'width of the networks', whole('--width', 1, 65_536), 64);
  add('--depth <L>', 'linear layers of the networks', whole('--depth', 2, 64), 4);
  add('--rank <R>', 'rank of the contraction', whole('--rank', 1, 65_536), 32);
  add(
    '--optimisers <names>',
    `${optimiserNames.join(', ')}, a run each`,
    list('--optimisers', oneOf('--optimisers', optimiserNames)),
    ['adam'] as readonly OptimiserName[],
  );
  add('--lr, --learning-rate <rate>', 'by default 1e-3 of Adam, 1e-2 of others', real('--learning-rate', 0, 10, true));
  add('--schedule <name>', scheduleNames.join(', '), oneOf('--schedule', scheduleNames), 'constant');
  add('--steps <N>', 'steps in all', whole('--steps', 1, 1e9), 2000);
  add('--report-every <N>', 'steps from one point of the curves to the next', whole('--report-every', 1, 1e6), 100);
  add('--redraw <N>', 'draw points anew every so many steps; 0: equal distances', whole('--redraw', 0, 1e9), 100);
  add('--seed <N>', 'of the parameters and of the points', whole('--seed', 0, 2 ** 31 - 1), 0);
  add('--test-points <n>', 'of each axis where the solution is tested', whole('--test-points', 2, 1024));
  add('--save-every <s>', 'seconds from one save to the next', real('--save-every', 0, 1e6), 30);
  command.option('--resume <file>', 'go on from a file that a run of the same settings wrote');
  command.addOption(adapterOption());
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

/** @throws InputError a problem that there is not. */
export function problemNamed(name: string): Problem {
  if (Object.hasOwn(problems, name)) return problems[name]();
  throw new InputError(`pde ${name}: there is no such problem: use ${Object.keys(problems).join(', ')}`);
}

/** @throws InputError numbers of points that are not as many as the axes, or fewer than 3. */
export function pointsOf({ name, axes }: Problem, { points }: PdeOptions): Readonly<Record<string, number>> {
  const names = Object.keys(axes);
  const counts = typeof points === 'number' ? names.map(() => points) : points;
  if (counts.length !== names.length) {
    throw new InputError(
      `--points ${counts.join(',')}: ${name} has the axes ${names.join(', ')}: give one number, or ${names.length}`,
    );
  }
  const few = counts.find(count => count < 3);
  if (few !== undefined) throw new InputError(`--points ${few}: use 3 or more on each axis`);
  return Object.fromEntries(names.map((axis, d) => [axis, counts[d]]));
}

/** One of the runs that are made side by side. */
export interface Way {
  readonly network: NetworkName;
  readonly optimiser: OptimiserName;
  /** Of its files. */
  readonly name: string;
}

export function waysOf({ networks, optimisers }: Pick<PdeOptions, 'networks' | 'optimisers'>): readonly Way[] {
  return networks.flatMap(network =>
    optimisers.map(optimiser => ({
      network,
      optimiser,
      name: optimiser === 'adam' ? network : `${network}-${optimiser}`,
    })),
  );
}

/** What matrices' optimisers leave to Adam goes at a tenth of their rate. */
const restRate = 0.1;

export function problemOptimiser({ optimiser }: Way, { learningRate, schedule, steps }: PdeOptions): Optimiser {
  const rate = learningRate ?? (optimiser === 'adam' ? 1e-3 : 1e-2);
  return optimiserOf({ optimiser, learningRate: rate, schedule, restRate }, steps);
}

export function networkOf(network: NetworkName, options: PdeOptions): JetArchitecture {
  const { activation: name, width, depth, rank } = options;
  const activation = activations[name];
  const { omega = activation.periodic ? periodicOmega : 1 } = options;
  return jetArchitecture({ width, depth, rank, activation, omega, gated: network === 'gated' });
}

/** Points of each axis of the test: at most about a million in all. */
export function testPointsOf({ axes }: Problem, { testPoints }: PdeOptions): number {
  return testPoints ?? Math.min(100, Math.floor(1e6 ** (1 / Object.keys(axes).length) + 1e-9));
}
