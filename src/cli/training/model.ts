/** What the training options amount to on a grid: model, optimiser, preconditioner, k, a state to go on from. */

import { sizeOfAll } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { fourierFrequencies, outputsOf } from '../../experiments/image/model.js';
import type { Engine } from '../../graph/engine.js';
import { readModel, type SavedModel } from '../../io/model/modelFile.js';
import { architecture } from '../../model/architecture.js';
import { activations, describeModel } from '../../model/codec.js';
import type { Contraction } from '../../model/contraction/contraction.js';
import { cp } from '../../model/contraction/cp.js';
import { jointNetwork } from '../../model/contraction/jointNetwork.js';
import { tensorTrain } from '../../model/contraction/tensorTrain.js';
import { tucker } from '../../model/contraction/tucker.js';
import { grid } from '../../model/domain/grid.js';
import { slabsOf } from '../../model/fits.js';
import {
  defineModel,
  formOf,
  type Model,
  networkInputs,
  networkPoints,
  networksOf,
  outputShapes,
  parameterCount,
} from '../../model/model.js';
import { groupedShape } from '../../ops/precondition/groupPoints.js';
import { adam } from '../../optimiser/adam.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import { groupingOf } from '../../precondition/grouping.js';
import { iga, msk } from '../../precondition/iga.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import type { TopK } from '../../precondition/topK.js';
import { usualTopK } from '../options.js';
import type { ModelName, PreconditionerName, TopKOption, TrainingOptions } from './options.js';
import { requireSameOptions } from './record.js';
import { requireResumable } from './resumable.js';

const contractions: Readonly<Record<ModelName, (options: TrainingOptions) => Contraction>> = {
  cp: ({ rank }) => cp({ rank: rank as number }),
  'tensor-train': ({ rank }) => tensorTrain({ ranks: rank }),
  tucker: ({ rank }) => tucker({ ranks: rank }),
  'joint-network': () => jointNetwork(),
};

/**
 * @param shape points of each axis.
 * @param planes of what is represented: members of the model, or its outputs where they are mixed.
 */
export function modelOf(shape: readonly number[], planes: number, options: TrainingOptions, mixed = false): Model {
  const { width, depth, fourier, omega, seed } = options;
  const coordinates = options.model === 'joint-network' ? shape.length : 1;
  const frequencies = fourier === undefined ? [] : fourierFrequencies(fourier, coordinates, width, seed);
  const network = architecture({
    width,
    depth,
    activation: activations[options.activation],
    frequencies,
    ...(omega !== undefined && { omega }),
  });
  return defineModel({
    domain: grid(shape),
    contraction: contractions[options.model](options),
    network,
    ...outputsOf(planes, mixed),
  });
}

export function optimiserOf({ learningRate, weightDecay }: TrainingOptions): Optimiser {
  return adam({ learningRate, weightDecay });
}

/** @param topK 'auto', or of all axes alike or each. */
export function preconditionerOf(
  shape: readonly number[],
  options: TrainingOptions,
  name: PreconditionerName,
  topK: TopK,
): Preconditioner | undefined {
  const { combine, modulation, refresh, seed } = options;
  const k = topK === 'auto' ? 1 : ([topK].flat()[0] as number);
  const makers: Readonly<Record<PreconditionerName, () => Preconditioner | undefined>> = {
    none: () => undefined,
    seppgd: () => sepPgd({ topK, combine, modulation, meanOfLogits: true, refresh }),
    msk: () => msk({ topK: k, modulation, refresh }),
    iga: () => iga({ topK: k, modulation, refresh, group: groupOf(shape, options), seed }),
  };
  return makers[name]();
}

const usualGroup = 4;

/** Points of a group of iga along each axis; one point for msk, which has none. @throws InputError a --group that does not fit. */
export function groupOf(shape: readonly number[], { preconditioner, group }: TrainingOptions): readonly number[] {
  if (preconditioner !== 'iga') return shape.map(() => 1);
  if (group === undefined) return shape.map(points => Math.min(points, usualGroup));
  const block = typeof group === 'number' ? shape.map(() => group) : group;
  if (block.length !== shape.length) {
    throw new InputError(
      `--group ${group}: ${block.length} numbers for ${shape.length} axes: give one, or one per axis`,
    );
  }
  const axis = block.findIndex((points, d) => points > shape[d]);
  if (axis < 0) return block;
  throw new InputError(`--group ${group}: axis ${axis} has ${shape[axis]} points: use 1 to ${shape[axis]}`);
}

/** k of a preconditioner of the model as a whole. @throws InputError auto, or more than its kernel has points. */
function rivalTopK(shape: readonly number[], options: TrainingOptions): number {
  const { preconditioner, topK } = options;
  if (topK === 'auto') {
    throw new InputError(`--top-k auto with --preconditioner ${preconditioner}: only seppgd chooses: give a number`);
  }
  const [, samples] = groupedShape({ grid: shape, block: groupOf(shape, options) });
  const k = topK ?? Math.max(1, Math.min(usualTopK, Math.floor(samples / 2)));
  if (k <= samples) return k;
  throw new InputError(`--top-k ${k}: the tangent kernel has ${samples} points: use 1 to ${samples}`);
}

/** --top-k, or `usual`: if a number, at most half of the shortest axis. @throws InputError a k that an axis does not have. */
export function topKOf(shape: readonly number[], options: TrainingOptions, usual: TopKOption): TopKOption {
  if (options.preconditioner === 'msk' || options.preconditioner === 'iga') return rivalTopK(shape, options);
  const points = Math.min(...shape);
  const half = usual === 'auto' ? usual : Math.max(1, Math.min(usual, Math.floor(points / 2)));
  const { topK = half } = options;
  if (topK === 'auto' || topK <= points) return topK;
  const shortest = shape.length > 2 ? 'shortest' : 'shorter';
  throw new InputError(`--top-k ${topK}: the ${shortest} axis has ${points} points: use 1 to ${points}`);
}

/** How errors name a grid: its size as the option gives it, and what lies on it. */
export interface GridWords {
  readonly size: string;
  readonly data: string;
}

/** @throws InputError what would not fit the device's limits, before anything is allocated. */
export function requireFits(
  { device }: Engine,
  model: Model,
  options: TrainingOptions,
  { size, data }: GridWords,
): void {
  const { rank, width, depth, preconditioner } = options;
  const points = networkPoints(model);
  const widest = Math.max(width + 1, networkInputs(model) + 1, ...networksOf(model).map(({ outputs }) => outputs));
  const over = (of: (points: number) => number) => points.reduce((sum, n) => sum + of(n), 0);
  const needs: [string, number][] = [
    [`--rank ${rank} --width ${width} --depth ${depth}: the parameters take`, parameterCount(model)],
    [`--size ${size} --width ${width}: a layer's activations take`, over(n => n * widest)],
  ];
  if (preconditioner === 'seppgd') needs.push([`--size ${size}: the tangent kernels take`, over(n => n ** 2)]);
  if (preconditioner === 'msk' || preconditioner === 'iga') {
    const remedy = preconditioner === 'msk' ? 'use fewer, or iga' : 'use larger groups';
    groupingOf(preconditioner, model, { topK: 1, group: groupOf(model.domain.shape, options), remedy }, device);
  }
  // What has a form in slabs trains in slabs of what the device binds.
  if (formOf(model).slabs) slabsOf(model, device);
  else {
    const numbers = sizeOfAll(outputShapes(model));
    needs.push([`--size ${size}: the ${data} takes`, numbers]);
  }
  const most = device.mostBindingBytes;
  for (const [what, numbers] of needs) {
    if (numbers * 4 > most) {
      throw new InputError(`${what} ${numbers * 4} bytes, and the adapter binds at most ${most}: use less`);
    }
  }
}

/**
 * The file that --resume names, if it does.
 *
 * @throws InputError a file of another model or training, one that has no steps left, or one of weights alone.
 */
export async function resumedFrom(model: Model, options: TrainingOptions): Promise<SavedModel | undefined> {
  const { resume: path, steps } = options;
  if (path === undefined) return undefined;
  const saved = await readModel(path);
  const [there, here] = [saved.model, model].map(traitsOf);
  for (const key of Object.keys(here)) {
    const [theirs, ours] = [JSON.stringify(there[key]), JSON.stringify(here[key])];
    if (theirs !== ours) {
      throw new InputError(`--resume ${path}: is another model: its ${key} is ${theirs}, and this fit's ${ours}`);
    }
  }
  requireSameOptions(options, saved.training);
  if (saved.state.step >= steps) {
    throw new InputError(`--steps ${steps}: ${path} has made ${saved.state.step} steps: ask for more`);
  }
  requireResumable(path, saved.state);
  return saved;
}

/** All that a model is, each by one word: the name of a part by the part's own. */
function traitsOf(model: Model): Readonly<Record<string, unknown>> {
  const traits = Object.entries(describeModel(model)).flatMap(([part, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([key, own]) => [key === 'name' ? part : key, own] as const)
      : [[part, value] as const],
  );
  return Object.fromEntries(traits);
}
