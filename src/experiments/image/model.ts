/** CP models of an image. */

import { Random } from '../../host/random.js';
import { type Activation, sine } from '../../model/activation.js';
import { type Architecture, architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel, type Model } from '../../model/model.js';
import { type DecoderOptions, decoder } from '../../model/readout/decoder.js';
import { identity } from '../../model/readout/identity.js';
import { mixing } from '../../model/readout/mixing.js';
import { frequencyStream } from '../streams.js';
import type { PreparedImage } from './data.js';

export interface ImageModelSettings {
  readonly rank: number;
  readonly width: number;
  /** `sine` by default. */
  readonly activation?: Activation;
  /** Deviation of the Fourier frequencies; none where it is absent. */
  readonly fourier?: number;
  /** Whether the colours are outputs of one model, or members fitted apart. */
  readonly mixed: boolean;
  /** Of the frequencies. */
  readonly seed: number;
}

/** @throws InputError naming what is out of range, its value and what would do. */
export function imageModel({ width, height, planes }: PreparedImage, settings: ImageModelSettings): Model {
  const { rank, mixed, fourier, activation = sine, seed } = settings;
  const frequencies = fourier === undefined ? [] : fourierFrequencies(fourier, 1, settings.width, seed);
  const network: Architecture = architecture({ width: settings.width, activation, frequencies });
  return defineModel({
    domain: grid([height, width]),
    contraction: cp({ rank }),
    network,
    ...outputsOf(planes, mixed),
  });
}

/** How so many planes of an image are modelled: as members, or as outputs of one; with a decoder for each model, or none. */
export function outputsOf(
  planes: number,
  mixed: boolean,
  decoded?: Omit<DecoderOptions, 'outputs'>,
): Pick<Model, 'members' | 'readout'> {
  if (decoded) {
    const { bias, ...others } = decoded;
    const [members, outputs] = mixed ? [1, planes] : [planes, 1];
    const ofAll = bias?.length && outputs === 1 ? [bias.reduce((sum, mean) => sum + mean, 0) / bias.length] : bias;
    return { members, readout: decoder({ ...others, outputs, ...(ofAll && { bias: ofAll }) }) };
  }
  return mixed && planes > 1
    ? { members: 1, readout: mixing({ outputs: planes }) }
    : { members: planes, readout: identity() };
}

/** As many sines and cosines together as the networks are wide, of points of so many coordinates. */
export function fourierFrequencies(sigma: number, coordinates: number, width: number, seed: number): number[] {
  const random = new Random((seed ^ frequencyStream) >>> 0);
  return Array.from({ length: Math.ceil(width / 2) * coordinates }, () => sigma * random.normal());
}
