/**
 * What `sepnn fit` picks by, as data: of what nobody typed. Every row says where it was measured; `npm run defaults` makes
 * the figures again, `fit` itself those within a number of parameters.
 */

import { productRates, type RatesByWidth } from '../../experiments/entrants.js';
import type { FitOptions } from './options.js';

/** Networks for pictures of a size, and what the first recipe came to there. */
export interface SizeRow {
  /** Pixels of the longer side, up to which the row stands. */
  readonly longer: number;
  readonly rank: number;
  /** PSNR in dB at the end of so many steps: of photographs, the lower where there were two. */
  readonly reaches: readonly (readonly [steps: number, psnr: number])[];
  readonly measured: string;
}

export const sizes: readonly SizeRow[] = [
  {
    longer: 96,
    rank: 96,
    reaches: [
      [100, 53],
      [300, 95],
      [1000, 119],
    ],
    measured: '64 x 64 in colour, R = W = 96, plane',
  },
  {
    longer: 192,
    rank: 150,
    reaches: [
      [100, 39],
      [300, 50],
      [1000, 59],
    ],
    measured: '128 x 128 in gray, R = W = 150, plane and baboon',
  },
  {
    longer: 384,
    rank: 256,
    reaches: [
      [100, 34],
      [300, 45],
      [1000, 51],
    ],
    measured: '256 x 256 in gray, R = W = 256, plane',
  },
  {
    longer: Number.POSITIVE_INFINITY,
    rank: 500,
    reaches: [
      [160, 37],
      [200, 40],
    ],
    measured: '512 x 512 in gray, R = W = 500, plane',
  },
];

/** Whether all points are given as they are, or some are left out or noisy, so that a model may learn too much. */
export type Points = 'given' | 'incomplete';

export interface Recipe {
  /** Of which pictures; of all where it is absent. */
  readonly points?: Points;
  readonly options: Partial<FitOptions> & Pick<FitOptions, 'learningRate' | 'schedule' | 'steps'>;
  readonly measured?: string;
  /** Rates up to a width of the networks, where one does not do for all. */
  readonly rates?: RatesByWidth;
  /** Whether it is that of which `sizes` says how far it comes. */
  readonly isUsual?: boolean;
  /** Only where a number of parameters was typed: it alone then decides how large the model is. */
  readonly within?: Within;
}

/** How a decoder on Fourier series goes by --parameters; terms and rank follow. */
export interface Within {
  /** Parameters for each number of the picture, up to which it stands. */
  readonly most: number;
  /** And where batches were asked for: of more parameters they are worth less, but the rates of others will not do. */
  readonly mostAsked?: number;
  /** Steps from which it is ahead, where they are typed. */
  readonly leastSteps?: number;
  /** Pixels of the shorter side from which it is ahead. */
  readonly leastSide?: number;
  /** Hidden units up to so many parameters, ascending. */
  readonly hidden: readonly (readonly [parameters: number, units: number])[];
}

const cp = { model: 'cp', schedule: 'cosine' } as const;
const product = { preconditioner: 'seppgd', combine: 'product', topK: 70 } as const;

/** A decoder on Fourier series instead of networks: a colour costs it no more than a row of its last layer. */
const series = {
  ...({ model: 'cp', depth: 1, decoderActivation: 'sine', channels: 'shared', preconditioner: 'none' } as const),
  ...({ optimiser: 'muon', learningRate: 0.25, restRate: 0.1, schedule: 'cosine' } as const),
};
/** Its rates where steps go by sub-grids: at those of the whole it falls to a constant. */
const inBatches = { interleave: 2, learningRate: 0.12, restRate: 0.06, momentum: 0.98 } as const;
/** Few units leave more to the ranks; up to 4000 parameters 32 are no better than 16, and cost twice as much. */
const hidden: Within['hidden'] = [
  [250, 4],
  [4000, 16],
  [Number.POSITIVE_INFINITY, 32],
];

/**
 * The first that agrees with what was typed is taken. Networks fit colours apart: shared outputs were not measured as well
 * with them.
 */
export const recipes: readonly Recipe[] = [
  {
    points: 'given',
    within: { most: 0.2, mostAsked: 3, leastSteps: 800, leastSide: 24, hidden },
    options: { ...series, ...inBatches, steps: 1600 },
    measured:
      'in 1200 steps, at 0.16 to 0.18 for each number of four pictures, 2.2 to 3.4 dB above as many operations on the whole',
  },
  {
    points: 'given',
    within: { most: 3, hidden },
    options: { ...series, steps: 300 },
    measured: 'in 200 steps 7 to 27 dB above networks of as many parameters; level at 3 for each number of the picture',
  },
  {
    points: 'incomplete',
    within: { most: 0.3, hidden },
    options: { ...series, steps: 200 },
    measured: 'the best of the held-out PSNR 4 to 7 dB above networks; level at 0.6 for each number of the picture',
  },
  {
    points: 'incomplete',
    options: {
      ...{ ...cp, preconditioner: 'seppgd', combine: 'sum', topK: 10 },
      ...{ optimiser: 'adam', learningRate: 3e-4, steps: 1000 },
    },
    measured: 'the best of the held-out PSNR: 25.8 dB, 25.1 plain, 17.9 with the product at k = 70',
  },
  {
    points: 'incomplete',
    options: {
      ...{ ...cp, preconditioner: 'seppgd', combine: 'product', topK: 10 },
      ...{ optimiser: 'adam', learningRate: 3e-4, steps: 300 },
    },
    measured: 'the best of the held-out PSNR: 25.8 dB',
  },
  {
    options: { ...cp, ...product, optimiser: 'shampoo', learningRate: 1e-2, restRate: 0.1, steps: 300 },
    measured: 'in 300 steps 50.6 and 74.6 dB, at 3e-3 50.1; a step has 1.5 times the operations of one of Adam',
    isUsual: true,
  },
  {
    options: { ...cp, ...product, optimiser: 'adam', learningRate: 1e-3, steps: 300 },
    measured: 'in 300 steps 45.8 and 48.7 dB; at 3e-4 42.8 and 43.2, at 3e-3 41.1',
    rates: productRates,
  },
  {
    options: {
      ...{ ...cp, preconditioner: 'seppgd', combine: 'sum', topK: 70 },
      ...{ optimiser: 'adam', learningRate: 1e-3, steps: 300 },
    },
    measured: 'in 300 steps 38.9 dB, at 3e-4 37.0',
  },
  {
    options: { ...cp, preconditioner: 'none', optimiser: 'adam', learningRate: 1e-3, steps: 600 },
    measured: 'in 600 steps 30.2 dB',
  },
  {
    points: 'incomplete',
    options: { ...cp, preconditioner: 'none', optimiser: 'muon', learningRate: 3e-3, restRate: 1 / 3, steps: 300 },
    measured: 'the best of the held-out PSNR: 25.0 dB, 22.5 at 1e-2',
  },
  {
    options: { ...cp, ...product, optimiser: 'muon', learningRate: 3e-3, restRate: 1 / 3, steps: 300 },
    measured: 'in 300 steps 48.1 and 46.9 dB, in 1000 80.5 and 122.5; a step has 4 times the operations of one of Adam',
  },
  {
    options: { ...cp, preconditioner: 'none', optimiser: 'muon', learningRate: 1e-2, restRate: 0.1, steps: 600 },
    measured: 'in 600 steps 68.4 dB',
  },
];

/** Of all others, nothing was measured: the rate and the steps of the paper. */
export const unmeasured: Recipe = {
  options: { optimiser: 'adam', learningRate: 1e-4, schedule: 'constant', combine: 'sum', topK: 'auto', steps: 1300 },
};

/** Steps over which a chosen rate grows from 0, where a run has five times as many. */
export const warmUpSteps = 20;

/** Steps towards a quality, of networks of which no row says how far they come: that ends the run sooner. */
export const qualitySteps = 1000;

/** Values of options, and what is to be absent. */
export type Given = { readonly [Name in keyof FitOptions]?: FitOptions[Name] | undefined };

/** What the paper chose for its Table 2. */
export const paper: Given & { readonly topK: number } = {
  rank: 500,
  width: 500,
  depth: 3,
  activation: 'sine',
  combine: 'sum',
  topK: 70,
  modulation: 'flat',
  refresh: 10,
  optimiser: 'adam',
  learningRate: 1e-4,
  weightDecay: 0,
  schedule: 'constant',
  steps: 1300,
};
