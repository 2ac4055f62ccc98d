/** The largest model of a kind within so many parameters. */

import { InputError } from '../../errors.js';
import type { PreparedImage } from '../../experiments/image/data.js';
import { parameterCount } from '../../model/model.js';
import { modelOf } from '../training/model.js';
import type { FitOptions } from './options.js';

/** The most that --rank and --width take. */
const mostSize = 65_536;
/** The largest rank for each term of a series that was chosen: from 12 on runs end decibels lower, or fall to a constant (`bench/NOTES.md`). */
const mostRanksATerm = 8;

export type Picture = Pick<PreparedImage, 'width' | 'height' | 'planes'> & Partial<Pick<PreparedImage, 'means'>>;

export function modelFor({ width, height, planes, means }: Picture, options: FitOptions) {
  return modelOf([height, width], planes, options, options.channels === 'shared', means);
}

/**
 * The options with rank and width as large as --parameters allows, both alike or what was not typed of them.
 *
 * @throws InputError where none is small enough, or both were typed.
 */
export function withinParameters(
  options: FitOptions,
  isTyped: (name: string) => boolean,
  picture: Picture,
): FitOptions {
  const { parameters, model, depth, series } = options;
  if (parameters === undefined) return options;
  const sizes = (['rank', 'width'] as const).filter(name => (name === 'rank' ? model !== 'joint-network' : depth > 1));
  const free = sizes.filter(name => !isTyped(name));
  if (free.length === 0) {
    const typed = sizes.length > 0 ? `--${sizes.join(' and --')}` : `--model ${model} --depth ${depth}`;
    throw new InputError(`--parameters ${parameters} with ${typed}: nothing is left to choose: leave one out`);
  }
  const sized = (side: number): FitOptions => ({ ...options, ...Object.fromEntries(free.map(name => [name, side])) });
  const most = series === undefined || isTyped('series') ? mostSize : mostRanksATerm * series;
  const fits = (side: number) => side <= most && parameterCount(modelFor(picture, sized(side))) <= parameters;
  if (!fits(1)) {
    const least = parameterCount(modelFor(picture, sized(1)));
    throw new InputError(`--parameters ${parameters}: the smallest model has ${least}: use that or more`);
  }
  return sized(largest(fits));
}

/**
 * The most terms of a Fourier series, 1 at least, for which a rank as large stays within --parameters: at most half of the
 * shorter side, as more would tell no two of its points apart, or a sixteenth of the longer.
 *
 * @param options with all that the model is but rank and series.
 */
export function termsWithin(options: FitOptions, picture: Picture): number {
  const { width, height } = picture;
  const most = Math.max(Math.min(width, height) / 2, Math.max(width, height) / 16);
  const countOf = (series: number) => parameterCount(modelFor(picture, { ...options, series, rank: series }));
  return largest(series => series <= most && countOf(series) <= (options.parameters as number));
}

/** The largest number up to which `fits` holds, 1 at least. */
function largest(fits: (side: number) => boolean): number {
  let [within, beyond] = [1, 2];
  while (fits(beyond)) [within, beyond] = [beyond, 2 * beyond];
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2);
    if (fits(middle)) within = middle;
    else beyond = middle;
  }
  return within;
}
