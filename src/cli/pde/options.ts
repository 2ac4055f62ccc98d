/** The options of `sepnn pde`: how each is read, its default, and what they amount to together. */

import { sizeOfAll } from '../../buffer/layout.js';
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
import { combines } from '../../ops/precondition/precondition.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import { discretise, shapeOfRanges } from '../../pde/discretisation.js';
import { settledLastLayers } from '../../pde/lastLayers/lastLayers.js';
import { type JetArchitecture, jetArchitecture, problemParameterShapes } from '../../pde/network.js';
import { type GridPreconditioners, requireValues } from '../../pde/precondition/gridPreconditioners.js';
import {
  type ResidualSepPgd,
  type ResidualSepPgdOptions,
  requireEquation,
  residualSepPgd,
} from '../../pde/precondition/residualSepPgd.js';
import type { Problem } from '../../pde/problem.js';
import { problems } from '../../pde/problems.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { type Changes, type Differing, differing } from '../differences.js';
import { adapterOption, list, matrixUnitsOption, oneOf, real, valueOption, whole, wholes } from '../options.js';
import type { Needs } from '../training/needs.js';
import type { Command } from '../vendor.js';

export const networkNames = ['plain', 'gated'] as const;
export type NetworkName = (typeof networkNames)[number];
const preconditionerNames = ['none', 'seppgd', 'residual'] as const;

/** A preconditioner, and what differs in that of the residual. */
interface PreconditionerWay {
  readonly preconditioner: (typeof preconditionerNames)[number];
  readonly options: ResidualSepPgdOptions;
}

const preconditionerChanges: Changes<PreconditionerWay> = {
  combine: ofResidual((given, value) => ({ combine: oneOf(given, combines)(value) })),
  'top-k': ofResidual((given, value) => ({ topK: whole(given, 1, 1024)(value) })),
  refresh: ofResidual((given, value) => ({ refresh: whole(given, 1, mostSteps)(value) })),
};

function ofResidual(
  change: (given: string, value: string) => ResidualSepPgdOptions,
): Changes<PreconditionerWay>[string] {
  return ({ preconditioner, options }, given, value) => {
    if (preconditioner === 'residual') return { preconditioner, options: { ...options, ...change(given, value) } };
    throw new InputError(`${given}: ${preconditioner} does not take it: use residual, or leave it out`);
  };
}

function preconditionersFrom(text: string): readonly Differing<PreconditionerWay>[] {
  const option = '--preconditioners';
  const startOf = (name: string) => ({ preconditioner: oneOf(option, preconditionerNames)(name), options: {} });
  return differing(option, text, startOf, preconditionerChanges, 'top-k=3');
}
export const activationNames = ['tanh', 'sine', 'cosine'] as const;

/** An optimiser, and what of its course is not that of all. */
interface OptimiserWay {
  readonly optimiser: OptimiserName;
  readonly learningRate?: number;
  readonly schedule?: ScheduleName;
  readonly steps?: number;
  /** Turns through the last layers after the steps, and what is typed of how. */
  readonly lastLayers?: number;
  readonly iterations?: number;
  readonly damping?: number;
}

const mostSteps = 1e9;

const optimiserChanges: Changes<OptimiserWay> = {
  rate: (way, given, value) => ({ ...way, learningRate: real(given, 0, 10, true)(value) }),
  schedule: (way, given, value) => ({ ...way, schedule: oneOf(given, scheduleNames)(value) }),
  steps: (way, given, value) => ({ ...way, steps: whole(given, 1, mostSteps)(value) }),
  'last-layers': (way, given, value) => ({ ...way, lastLayers: whole(given, 1, 1000)(value) }),
  iterations: (way, given, value) => ({ ...way, iterations: whole(given, 1, 1000)(value) }),
  damping: (way, given, value) => ({ ...way, damping: real(given, 0, 1, true)(value) }),
};

function optimisersFrom(text: string): readonly Differing<OptimiserWay>[] {
  const startOf = (name: string): OptimiserWay => ({ optimiser: oneOf('--optimisers', optimiserNames)(name) });
  const all = differing('--optimisers', text, startOf, optimiserChanges);
  for (const { text: own, value } of all) {
    const alone = (['iterations', 'damping'] as const).find(key => value[key] !== undefined);
    if (alone === undefined || value.lastLayers !== undefined) continue;
    throw new InputError(`--optimisers ${own}: ${alone} is of last-layers: give last-layers=5 too, or leave it out`);
  }
  return all;
}

export interface PdeOptions {
  readonly out: string;
  readonly points: number | readonly number[];
  readonly networks: readonly NetworkName[];
  readonly activation: (typeof activationNames)[number];
  readonly omega?: number;
  readonly width: number;
  readonly depth: number;
  readonly rank: number;
  readonly optimisers: readonly Differing<OptimiserWay>[];
  readonly preconditioners: readonly Differing<PreconditionerWay>[];
  readonly data: number;
  readonly preset?: 'paper';
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
  readonly matrixUnits?: true;
  readonly json: boolean;
}

const notOfAll =
  (name: keyof OptimiserWay) =>
  ({ optimisers }: Pick<PdeOptions, 'optimisers'>) =>
    optimisers.some(({ value }) => value[name] === undefined)
      ? undefined
      : ': each of --optimisers has its own: leave it out';

/** Of the course of all optimisers that have none of their own. */
export const pdeNeeds: Needs<Pick<PdeOptions, 'optimisers'>> = {
  learningRate: notOfAll('learningRate'),
  schedule: notOfAll('schedule'),
  steps: notOfAll('steps'),
};

/** The factor in sin(omega z) where none is given: networks of larger ones start too rough for second derivatives. */
const periodicOmega = 2;

export function addPdeOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.argument(
    '<name>',
    `${Object.keys(problems).join(', ')}, or a module that exports one of your own, such as ./bar.mjs`,
  );
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
  const differences = 'shampoo:rate=1e-2:schedule=cosine:steps=3000:last-layers=5';
  command.addOption(
    valueOption(
      '--optimisers <names>',
      `${optimiserNames.join(', ')}, a run each, with what differs: ${differences}`,
      optimisersFrom,
    ).default(optimisersFrom('adam'), 'shampoo along a cosine; adam where --learning-rate or --preset is given'),
  );
  command.addOption(
    valueOption(
      '--preconditioners <names>',
      'none, seppgd on conditions and data, residual:combine=sum:top-k=3:refresh=50, a run each; with --redraw 0',
      preconditionersFrom,
    ).default(preconditionersFrom('none'), 'none'),
  );
  add('--data <weight>', 'of the solution at the points of the equations; 0 for none', real('--data', 0, 1e6), 0);
  add(
    '--preset <name>',
    'paper: its networks, points, rate and steps, plain and SepPGD',
    oneOf('--preset', ['paper'] as const),
  );
  add('--lr, --learning-rate <rate>', 'by default 1e-3 of Adam, 1e-2 of others', real('--learning-rate', 0, 10, true));
  command.addOption(
    valueOption('--schedule <name>', scheduleNames.join(', '), oneOf('--schedule', scheduleNames)).default(
      'constant',
      'constant of optimisers that are typed',
    ),
  );
  add('--steps <N>', 'steps in all', whole('--steps', 1, mostSteps), 2000);
  add('--report-every <N>', 'steps from one point of the curves to the next', whole('--report-every', 1, 1e6), 100);
  add('--redraw <N>', 'draw points anew every so many steps; 0: equal distances', whole('--redraw', 0, 1e9), 100);
  add('--seed <N>', 'of the parameters and of the points', whole('--seed', 0, 2 ** 31 - 1), 0);
  add('--test-points <n>', 'of each axis where the solution is tested', whole('--test-points', 2, 1024));
  add('--save-every <s>', 'seconds from one save to the next', real('--save-every', 0, 1e6), 30);
  command.option('--resume <file>', 'go on from a file that a run wrote, with its settings where none are given');
  command.addOption(adapterOption()).addOption(matrixUnitsOption());
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

/** @throws InputError numbers of points that are not as many as the axes, or fewer than 3. */
export function pointsOf(
  { name, axes }: Problem,
  { points }: Pick<PdeOptions, 'points'>,
): Readonly<Record<string, number>> {
  const names = Object.keys(axes);
  const counts = typeof points === 'number' ? names.map(() => points) : points;
  if (counts.length !== names.length) {
    throw new InputError(
      `--points ${counts.join(',')}: ${name} has the axes ${names.join(', ')}: give one number, or ${names.length}`,
    );
  }
  const few = counts.find(count => count < 3);
  if (few !== undefined) throw new InputError(`--points ${few}: use 3 or more on each axis`);
  const all = counts.reduce((product, count) => product * count, 1);
  if (all > mostPointsOfGrid) {
    throw new InputError(`--points ${counts.join(',')}: ${all} points in all: use ${mostPointsOfGrid} or fewer`);
  }
  return Object.fromEntries(names.map((axis, d) => [axis, counts[d]]));
}

/** What the paper has, for options that are not typed (Luo and Meng, section 5.3). */
const presets = {
  paper: {
    ...{ activation: 'sine', omega: periodicOmega, width: 64, rank: 64, depth: 4, points: 16, testPoints: 30 },
    ...{ learningRate: 5e-3, steps: 5000, redraw: 0, data: 1, preconditioners: preconditionersFrom('none,seppgd') },
  },
} as const;

/** What reached the published errors soonest (`bench/NOTES.md`, "Differential equations"); a rate typed by itself is Adam's. */
function usual(isTyped: (name: string) => boolean): Partial<PdeOptions> {
  return isTyped('optimisers') || isTyped('learningRate')
    ? {}
    : { optimisers: optimisersFrom('shampoo'), schedule: 'cosine' };
}

/** With those of a preset, or else the usual ones, where nothing was typed. @param isTyped whether an option was. */
export function settled(options: PdeOptions, isTyped: (name: string) => boolean): PdeOptions {
  const { preset } = options;
  const taken = Object.entries(preset === undefined ? usual(isTyped) : presets[preset]);
  return { ...options, ...Object.fromEntries(taken.filter(([name]) => !isTyped(name))) };
}

/** Whether a preset gives an option, but for those of several runs, of which one may go on. */
export function isPreset({ preset }: PdeOptions, option: string): boolean {
  return preset !== undefined && option !== 'preconditioners' && Object.hasOwn(presets[preset], option);
}

/** @throws InputError SepPGD on points that are drawn anew. */
export function requireStill({ preconditioners, redraw }: PdeOptions): void {
  const moving = preconditioners.find(({ value }) => value.preconditioner !== 'none');
  if (redraw === 0 || !moving) return;
  throw new InputError(
    `--preconditioners ${moving.text} with --redraw ${redraw}: it is made of points that stay: give --redraw 0`,
  );
}

/** Eigenpairs that SepPGD modulates on each axis, of the data and of conditions. */
const [dataTopK, conditionTopK] = [5, 2];

/** SepPGD on conditions and data, and nothing on the equations. */
const onConditions: GridPreconditioners = (grid, shape) => {
  if (grid === 'equations') return undefined;
  const most = grid === 'data' ? dataTopK : conditionTopK;
  return sepPgd({ topK: shape.map(n => Math.min(most, n)) });
};

/** What acts on the grids of a way, as a trainer takes it. */
export function preconditionersOf({ preconditioner: { value } }: Way): {
  readonly preconditioners?: GridPreconditioners;
  readonly residualPreconditioner?: ResidualSepPgd;
} {
  if (value.preconditioner === 'seppgd') return { preconditioners: onConditions };
  return value.preconditioner === 'residual' ? { residualPreconditioner: residualSepPgd(value.options) } : {};
}

/** @throws InputError a problem or networks that the preconditioner of a way cannot serve. */
export function requireServed(
  way: Way,
  problem: Problem,
  points: Readonly<Record<string, number>>,
  { gated }: JetArchitecture,
): void {
  const who = `--preconditioners ${way.preconditioner.text}`;
  const { preconditioners, residualPreconditioner } = preconditionersOf(way);
  const discretisation = discretise(problem, points);
  if (residualPreconditioner) requireEquation(who, discretisation);
  for (const grid of discretisation.grids) {
    if (preconditioners?.(grid.name, shapeOfRanges(grid.points))) requireValues(who, discretisation, grid, gated);
  }
}

/** One of the runs that are made side by side. */
export interface Way {
  readonly network: NetworkName;
  /** As it was typed. */
  readonly optimiser: Differing<OptimiserWay>;
  /** As it was typed. */
  readonly preconditioner: Differing<PreconditionerWay>;
  /** Of its files. */
  readonly name: string;
}

export function waysOf({
  networks,
  optimisers,
  preconditioners,
}: Pick<PdeOptions, 'networks' | 'optimisers' | 'preconditioners'>): readonly Way[] {
  return networks.flatMap(network =>
    optimisers.flatMap(optimiser =>
      preconditioners.map(preconditioner => {
        const own = [
          [optimiser.text, 'adam'],
          [preconditioner.text, 'none'],
        ].flatMap(([text, usual]) => (text === usual ? [] : text.split(/[:=]/)));
        const name = [network, ...own].join('-');
        return { network, optimiser, preconditioner, name };
      }),
    ),
  );
}

/** What matrices' optimisers leave to Adam goes at a tenth of their rate. */
const restRate = 0.1;

/** Its learning rate where one is given, its schedule and its steps: its own, or else those of all. */
export function courseOf({ optimiser }: Way, { learningRate, schedule, steps }: PdeOptions) {
  return { learningRate, schedule, steps, ...optimiser.value };
}

/**
 * Turns through the last layers of a way after its steps, and how each goes, as a trainer takes it; none by default.
 *
 * @throws InputError networks whose last layers cannot be solved.
 */
export function lastLayersOf({ optimiser: { text, value } }: Way, network: JetArchitecture) {
  const { lastLayers: turns, iterations, damping } = value;
  if (turns === undefined) return undefined;
  const typed = { ...(iterations !== undefined && { iterations }), ...(damping !== undefined && { damping }) };
  return { turns, lastLayers: settledLastLayers(typed, network, `--optimisers ${text}`) };
}

export function problemOptimiser(way: Way, options: PdeOptions): Optimiser {
  const { optimiser, learningRate = optimiser === 'adam' ? 1e-3 : 1e-2, schedule, steps } = courseOf(way, options);
  return optimiserOf({ optimiser, learningRate, schedule, restRate }, steps);
}

export function networkOf(
  network: NetworkName,
  options: Pick<PdeOptions, 'activation' | 'omega' | 'width' | 'depth' | 'rank'>,
): JetArchitecture {
  const { activation: name, width, depth, rank } = options;
  const activation = activations[name];
  const { omega = activation.periodic ? periodicOmega : 1 } = options;
  return jetArchitecture({ width, depth, rank, activation, omega, gated: network === 'gated' });
}

/** Of the grid of the equations, which the device has a block at a time. */
const mostPointsOfGrid = 2 ** 30;

/** That a host makes at first, and an optimiser holds three times over. */
const mostParameters = 2 ** 28;

/** @throws InputError networks with more parameters than that. */
export function requireParameters(problem: Problem, network: JetArchitecture): void {
  const count = sizeOfAll(problemParameterShapes(problem, network));
  if (count <= mostParameters) return;
  const { rank, width, depth } = network;
  throw new InputError(
    `--rank ${rank} --width ${width} --depth ${depth}: ${count} parameters: use less, for ${mostParameters} or fewer`,
  );
}

/** Of the grid of the test, which the host holds in several copies. */
const mostTestPoints = 2 ** 26;

/** Points of each axis of the test: at most about a million in all by default. @throws InputError more than are held. */
export function testPointsOf({ name, axes }: Problem, { testPoints }: PdeOptions): number {
  const dimensions = Object.keys(axes).length;
  const sideOf = (points: number) => Math.floor(points ** (1 / dimensions) + 1e-9);
  const most = sideOf(mostTestPoints);
  if (testPoints === undefined || testPoints <= most) return testPoints ?? Math.min(100, sideOf(1e6));
  throw new InputError(`--test-points ${testPoints}: ${name} has ${dimensions} axes: use ${most} or fewer`);
}
