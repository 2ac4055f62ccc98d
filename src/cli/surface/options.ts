/** The options of `sepnn surface`. */

import { extname } from 'node:path';
import { InputError } from '../../errors.js';
import type { GridSides } from '../../geometry/voxelise.js';
import { activations } from '../../model/codec.js';
import { bceWithLogits } from '../../objective/bceWithLogits.js';
import { squaredError } from '../../objective/squaredError.js';
import { mostPoints, oneOf, valueOption, whole } from '../options.js';
import type { Needs } from '../training/needs.js';
import { addTrainingOptions, type TrainingDefaults, type TrainingOptions, trainingNeeds } from '../training/options.js';
import type { Command } from '../vendor.js';

export interface SurfaceOptions extends TrainingOptions {
  readonly size?: GridSides;
  readonly margin: number;
  readonly loss: LossName;
  readonly format: (typeof formats)[number];
  readonly up: (typeof axes)[number];
}

/** By the options' words. */
export const objectives = { 'squared-error': squaredError, 'bce-with-logits': bceWithLogits } as const;
export type LossName = keyof typeof objectives;
const lossNames = Object.keys(objectives) as readonly LossName[];
/** What they were called before. */
const lossAliases: Readonly<Record<string, LossName>> = {
  squares: 'squared-error',
  'cross-entropy': 'bce-with-logits',
};

/** Of the paper's experiment on occupancies, but for omega: at this rate networks of omega 30 do not train (bench/NOTES.md). */
export const surfaceDefaults = {
  rank: 200,
  width: 256,
  topK: 20,
  combine: 'sum',
  optimiser: 'adam',
  learningRate: 5e-3,
  schedule: 'constant',
  steps: 1000,
  omega: 10,
} as const satisfies TrainingDefaults;

/** The options with their omega, where none was given to a periodic activation. */
export function withOmega(options: SurfaceOptions): SurfaceOptions {
  return options.omega === undefined && activations[options.activation].periodic
    ? { ...options, omega: surfaceDefaults.omega }
    : options;
}
/** Points of the longest side where no size is given. */
export const usualSide = 64;
const mostMargin = 64;
/** Not from io, which brings the loaders with it. */
const formats = ['ply', 'obj', 'stl'] as const;
export const axes = ['x', 'y', 'z'] as const;

export function addSurfaceOptions(command: Command): Command {
  command
    .addOption(
      valueOption(
        '--size <N|AxBxC>',
        `points of a mesh's longest side, or along x, y, z (default: ${usualSide})`,
        sides,
      ),
    )
    .addOption(valueOption('--margin <N>', 'points around a mesh on every side', whole('--margin', 0, mostMargin), 1))
    .addOption(
      valueOption('--loss <name>', lossNames.join(' or '), oneOf('--loss', lossNames, lossAliases), 'squared-error'),
    )
    .addOption(valueOption('--format <name>', 'of the mesh written: ply, obj, stl', oneOf('--format', formats), 'ply'))
    .addOption(valueOption('--up <axis>', 'axis that points upwards in the picture', oneOf('--up', axes), 'y'));
  return addTrainingOptions(command, surfaceDefaults);
}

/** Of what a mesh alone leaves to be chosen. */
export function surfaceNeeds(file: string): Needs<SurfaceOptions> {
  const otherwise = ': a volume has a grid of its own: leave it out';
  const need = () => (isVolume(file) ? otherwise : undefined);
  return { ...trainingNeeds, size: need, margin: need };
}

/** Whether a file has points of a grid, and no mesh. */
export function isVolume(file: string): boolean {
  return extname(file).toLowerCase() === '.npy';
}

/** N, or AxBxC. */
function sides(text: string): GridSides {
  const numbers = /^\d+(x\d+x\d+)?$/.test(text.trim()) ? text.split('x').map(Number) : [];
  if (numbers.length > 0 && numbers.every(n => n >= 2 && n <= mostPoints)) {
    return numbers.length === 1 ? numbers[0] : numbers;
  }
  throw new InputError(
    `--size ${text}: use N or AxBxC, whole numbers from 2 to ${mostPoints}, such as 64 or 76x128x66`,
  );
}
