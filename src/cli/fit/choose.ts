/** How `sepnn fit` comes to what nobody typed: by the preset, the file that it goes on from, or the table. */

import { InputError } from '../../errors.js';
import { rateAtWidth } from '../../experiments/entrants.js';
import type { TopKOption, TrainingOptions } from '../training/options.js';
import {
  type Given,
  paper,
  qualitySteps,
  type Recipe,
  recipes,
  type SizeRow,
  sizes,
  unmeasured,
  type Within,
  warmUpSteps,
} from './choices.js';
import { type Picture, termsWithin, withinParameters } from './largest.js';
import { type AskedOptions, chosenNames, type FitOptions } from './options.js';

export interface Choice {
  /** All, but for a k that `usualTopK` may stand for. */
  readonly options: FitOptions;
  readonly usualTopK: TopKOption;
  /** Where what was not typed comes from. */
  readonly by: 'table' | 'paper' | 'resume';
  /** What was not typed. */
  readonly names: readonly string[];
  /** Where a picture of this size came in so many steps, by the table; absent for other recipes and networks. */
  readonly reaches?: SizeRow['reaches'];
}

/**
 * @param isTyped whether an option of this name was typed: such a one always stands.
 * @param recorded the options of the file that the run goes on from.
 * @throws InputError a --parameters that no model stays within, or that leaves nothing to choose.
 */
export function choose(
  asked: AskedOptions,
  isTyped: (name: string) => boolean,
  picture: Picture,
  recorded: Partial<TrainingOptions> | undefined,
): Choice {
  /** The options with what nobody typed from elsewhere. */
  const completed = (from: Given) => {
    const names = Object.keys(from).filter(name => !isTyped(name));
    const values = names.map(name => [name, from[name as keyof FitOptions]]);
    const left = isTyped('topK') || names.includes('topK') ? names : [...names, 'topK'];
    return { options: { ...asked, ...Object.fromEntries(values) } as FitOptions, names: left };
  };
  const sized = ({ options, names }: ReturnType<typeof completed>) => ({
    options: withinParameters(options, isTyped, picture),
    names,
  });
  if (asked.preset === 'paper') {
    const { topK, ...others } = paper;
    return { ...sized(completed(others)), usualTopK: topK, by: 'paper' };
  }
  const size = sizes.find(({ longer }) => Math.max(picture.width, picture.height) <= longer) as SizeRow;
  // A file that is gone on from has a model of its own.
  const { parameters, ...ofAFile } = asked;
  const recipe = recipeFor(recorded ? ofAFile : asked, isTyped, picture);
  const { topK = 'auto', ...others } = recipe.options;
  const reaches = ['parameters', ...networkNames].some(isTyped) ? undefined : size.reaches;
  const steps = asked.steps ?? stepsFor(asked, recipe, reaches);
  const isCosine = (asked.schedule ?? others.schedule) === 'cosine';
  const warmUp = isCosine ? warmUpFor(steps) : undefined;
  const networks = { rank: size.rank, width: size.rank };
  const series = seriesFor(recipe, { ...asked, ...networks }, picture);
  const table = { ...others, ...networks, ...series, steps, warmUp };
  if (recorded) {
    if (parameters !== undefined && parameters !== (recorded as Partial<FitOptions>).parameters) {
      throw new InputError(
        `--parameters ${parameters} with --resume: the file has a model of its own: leave one of them out`,
      );
    }
    // What a file does not say of a rate, it did not have.
    const absent = {
      warmUp: undefined,
      momentum: undefined,
      rest: undefined,
      restRate: undefined,
      interleave: undefined,
    };
    const before = { ...table, ...absent, ...only(chosenNames, recorded) };
    return { ...completed(before), usualTopK: 'auto', by: 'resume' };
  }
  const { options, names } = sized(completed(table));
  return {
    options: isTyped('learningRate') ? options : { ...options, learningRate: rateFor(recipe, options) },
    names,
    usualTopK: topK,
    by: 'table',
    ...(recipe.isUsual && reaches && { reaches }),
  };
}

/** Steps over which a chosen rate grows in a run of so many. */
export function warmUpFor(steps: number): number {
  return Math.min(warmUpSteps, Math.ceil(steps / 5));
}

/** What tells recipes apart: a rate is none for another optimiser. */
const telling = ['preconditioner', 'combine', 'optimiser'] as const;
/** What makes other networks than those of `sizes`. */
const networkNames = [
  ...(['rank', 'width', 'depth', 'activation', 'omega', 'fourier', 'series'] as const),
  ...(['decoder', 'decoderActivation', 'channels'] as const),
];
/** What a model within --parameters is told by too: of SepPGD it has nothing. */
const tellingWithin = [...telling, ...networkNames, 'topK', 'modulation', 'refresh', 'group'] as const;

/** Which a recipe in batches has of its own: where other ones are typed, they are of the whole. */
const ratesOfBatches = ['learningRate', 'restRate', 'momentum'] as const;

function recipeFor(asked: AskedOptions, isTyped: (name: string) => boolean, picture: Picture): Recipe {
  const { mask, noise, validate, model, depth, series, fourier } = asked;
  // Networks of one layer have no matrix of more than one input: Muon and Shampoo refuse them.
  const isVector = depth === 1 && series === undefined && fourier === undefined;
  const isGiven = mask === undefined && noise === undefined && validate === undefined;
  const isInBatches = asked.interleave !== undefined && asked.interleave !== 1;
  const found = recipes.find(({ points, options, within }) => {
    if (within && !suits(within, asked, picture, isInBatches)) return false;
    if (points !== undefined && (points === 'given') !== isGiven) return false;
    if (options.model !== undefined && options.model !== model) return false;
    if (isVector && !within && !isTyped('optimiser') && options.optimiser !== 'adam') return false;
    if (asked.interleave !== undefined && options.preconditioner !== 'none') return false;
    if (within && isInBatches && options.interleave === undefined) return false;
    if (options.interleave !== undefined && !isInBatches) {
      if (asked.interleave === 1) return false;
      if (ratesOfBatches.some(name => isTyped(name) && asked[name] !== options[name])) return false;
    }
    if (asked.compare && !isTyped('preconditioner') && options.preconditioner === 'none') return false;
    // All that was measured had Adam beside it.
    if (asked.rest !== undefined && asked.rest !== 'adam') return false;
    // A rate by itself is Adam's: those of others are of another kind.
    if (isTyped('learningRate') && !isTyped('optimiser') && options.optimiser !== 'adam') return false;
    return (within ? tellingWithin : telling).every(name => !isTyped(name) || options[name] === asked[name]);
  });
  return found ?? unmeasured;
}

function suits(
  { most, mostAsked = most, leastSteps = 0, leastSide = 0 }: Within,
  { parameters, steps = leastSteps }: AskedOptions,
  { width, height, planes }: Picture,
  isInBatches: boolean,
): boolean {
  const isShort = steps < leastSteps || Math.min(width, height) < leastSide;
  if (parameters === undefined || (isShort && !isInBatches)) return false;
  return parameters <= (isInBatches ? mostAsked : most) * width * height * planes;
}

/** Of a recipe within --parameters its hidden units and terms; the rank follows by what is left. */
function seriesFor({ within, options }: Recipe, asked: AskedOptions, picture: Picture): Given {
  const { parameters = 0 } = asked;
  const units = within?.hidden.find(([most]) => parameters <= most);
  if (!units) return {};
  const decoder = units[1];
  return { decoder, series: termsWithin({ ...asked, ...options, decoder } as FitOptions, picture) };
}

/** The recipe's own, or as many as bring a picture of this size to the quality that was asked for. */
function stepsFor({ quality }: AskedOptions, recipe: Recipe, reaches: SizeRow['reaches'] | undefined): number {
  if (quality === undefined) return recipe.options.steps;
  if (!reaches) return Math.max(qualitySteps, recipe.options.steps);
  // The table says nothing of more: thrice its last then.
  const [steps] = reaches.find(([, psnr]) => psnr >= quality) ?? [3 * reaches[reaches.length - 1][0]];
  return Math.max(steps, recipe.isUsual ? 0 : recipe.options.steps);
}

/** A recipe's rate, which for some is lower the wider the networks are. */
function rateFor({ options, rates = [] }: Recipe, { width }: FitOptions): number {
  return rateAtWidth(rates, width) ?? options.learningRate;
}

function only(names: readonly (keyof FitOptions)[], from: Given): Given {
  return Object.fromEntries(names.flatMap(name => (name in from ? [[name, from[name]]] : [])));
}
