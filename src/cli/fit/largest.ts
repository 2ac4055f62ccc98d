/** The largest model of a kind within so many parameters. */

import { InputError } from '../../errors.js';
import type { PreparedImage } from '../../experiments/image/data.js';
import { parameterCount } from '../../model/model.js';
import { modelOf } from '../training/model.js';
import type { FitOptions } from './options.js';

/** The most that --rank and --width take. */
const mostSize = 65_536;

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
  const { parameters, model, depth } = options;
  if (parameters === undefined) return options;
  const sizes = (['rank', 'width'] as const).filter(name => (name === 'rank' ? model !== 'joint-network' : depth > 1));
  const free = sizes.filter(name => !isTyped(name));
  if (free.length === 0) {
    const typed = sizes.length > 0 ? `--${sizes.join(' and --')}` : `--model ${model} --depth ${depth}`;
    throw new InputError(`--parameters ${parameters} with ${typed}: nothing is left to choose: leave one out`);
  }
  const sized = (side: number): FitOptions => ({ ...options, ...Object.fromEntries(free.map(name => [name, side])) });
  const fits = (side: number) => side <= mostSize && parameterCount(modelFor(picture, sized(side))) <= parameters;
  if (!fits(1)) {
    const least = parameterCount(modelFor(picture, sized(1)));
    throw new InputError(`--parameters ${parameters}: the smallest model has ${least}: use that or more`);
  }
  let [within, beyond] = [1, 2];
  while (fits(beyond)) [within, beyond] = [beyond, 2 * beyond];
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2);
    if (fits(middle)) within = middle;
    else beyond = middle;
  }
  return sized(within);
}
