/** The paper's images: what Tables 2 to 8 train. */

import { sine } from '../../model/activation.js';
import { type ImageOptions, prepareImage } from '../image/data.js';
import { imageModel } from '../image/model.js';
import { imageTask } from '../image/task.js';
import { truncateRank } from './lowRank.js';
import type { Experiment, Setting } from './setting.js';

export interface ImageSetting extends Setting, Pick<ImageOptions, 'gray' | 'noise' | 'mask'> {
  /** Whether the colours are outputs of one model, or members fitted apart. */
  readonly mixed: boolean;
  /** Deviation of the Fourier frequencies, where there are some. */
  readonly fourier?: number;
  /** Points of both axes: the image is resized. */
  readonly points: number;
  /** Rank to which the image is truncated first. */
  readonly dataRank?: number;
}

export const paperImage = {
  gray: false,
  mixed: false,
  activation: sine,
  modulation: 'flat',
  refresh: 10,
  points: 512,
  rank: 500,
  width: 500,
  topK: 70,
  mskTopK: 25,
  steps: 1300,
  rates: [1e-4, 3e-4, 1e-3],
  muonRates: [1e-2],
} as const satisfies ImageSetting;

/** A number that the paper gives for its 512 points, for fewer: 1 at the least. */
export function scaled(value: number, points: number): number {
  return Math.max(1, Math.round((value * points) / paperImage.points));
}

/** The paper's setting with R, W and k in proportion to the points, in gray. */
function reduced(points: number, steps: number): ImageSetting {
  const [rank, width, topK] = [paperImage.rank, paperImage.width, paperImage.topK].map(value => scaled(value, points));
  return { ...paperImage, gray: true, points, rank, width, topK, steps };
}

export const images: Experiment<ImageSetting> = {
  scales: { tiny: { ...reduced(12, 20), rates: [1e-4, 1e-3] }, small: reduced(64, 300), paper: paperImage },
  runsOn: sources => sources.images,
  async task(setting, { path }, seed) {
    const { points, dataRank } = setting;
    const size = { width: points, height: points };
    const data = await prepareImage(path, { ...setting, size, seed }, (planes, pixels) =>
      dataRank === undefined ? planes : truncateRank(planes, pixels, dataRank),
    );
    return imageTask(imageModel(data, { ...setting, seed }), data);
  },
};
