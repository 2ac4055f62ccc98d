/**
 * The image experiments of the paper (Luo and Meng) as data: what every scale starts from, and what each table varies.
 * Of the paper's own numbers only what is known here stands beside ours: its Table 2, for an image that is not shipped.
 */

import { type Activation, cosine, relu, sine, tanh } from '../../model/activation.js';
import type { Modulation } from '../../ops/precondition/modulate.js';
import type { ImageOptions } from '../image/data.js';

/** What a row may set. */
export interface Setting extends Pick<ImageOptions, 'gray' | 'noise' | 'mask'> {
  /** Whether the colours are outputs of one model, or members fitted apart. */
  readonly mixed: boolean;
  readonly rank: number;
  readonly width: number;
  readonly activation: Activation;
  /** Deviation of the Fourier frequencies, where there are some. */
  readonly fourier?: number;
  readonly modulation: Modulation;
  /** Steps from one refresh of the preconditioner to the next. */
  readonly refresh: number;
  /** Points of both axes: the image is resized. */
  readonly points: number;
  readonly topK: number;
  readonly steps: number;
  /** Rank to which the image is truncated first. */
  readonly dataRank?: number;
}

export interface Row {
  readonly name: string;
  readonly change: Partial<Setting>;
  /** PSNR in dB that the paper has. */
  readonly paper?: { readonly plain: number; readonly sepPgd: number };
}

export interface Table {
  readonly title: string;
  /** What the rows vary. */
  readonly x: string;
  readonly figure: 'psnr' | 'psnrHeldOut';
  readonly rows: Readonly<Record<ScaleName, readonly Row[]>>;
}

const common = {
  mixed: false,
  activation: sine,
  modulation: 'flat',
  refresh: 10,
} as const;

/** The setting that every row changes; `paper` is the paper's, member by member, and `tiny` there to try the command. */
export const scales = {
  tiny: { ...common, gray: true, points: 12, rank: 12, width: 12, topK: 4, steps: 20 },
  small: { ...common, gray: true, points: 96, rank: 96, width: 96, topK: 24, steps: 300 },
  paper: { ...common, gray: false, points: 512, rank: 500, width: 500, topK: 70, steps: 1300 },
} as const satisfies Readonly<Record<string, Setting>>;

export type ScaleName = keyof typeof scales;
export const scaleNames = Object.keys(scales) as readonly ScaleName[];

/** Adam's learning rates: the first is that of every run, and all are tried without a preconditioner. */
export const rates = [1e-4, 3e-4, 1e-3] as const;

/** One row a number. */
function numbers(key: keyof Setting, values: readonly number[]): readonly Row[] {
  return values.map(value => ({ name: String(value), change: { [key]: value } }));
}

/** The same rows at every scale. */
function everywhere(rows: readonly Row[]): Table['rows'] {
  return { tiny: rows, small: rows, paper: rows };
}

const asItIs: Row = { name: 'none', change: {} };

const kinds: readonly Row[] = [
  { name: 'gray', change: { gray: true } },
  { name: 'colour', change: { gray: false } },
  { name: 'colour, one model', change: { gray: false, mixed: true } },
];
/** The plane of the paper's Table 2. */
const paperPlane = { plain: 26.48, sepPgd: 33.3 };

export const tables = {
  image: {
    title: 'an image in gray, channel by channel, and as one model of three outputs',
    x: 'image',
    figure: 'psnr',
    rows: {
      ...everywhere(kinds),
      paper: kinds.map(row => (row.name === 'colour' ? { ...row, paper: paperPlane } : row)),
    },
  },
  k: {
    title: 'how many eigenpairs are modulated',
    x: 'k',
    figure: 'psnr',
    rows: {
      tiny: numbers('topK', [2, 4]),
      small: numbers('topK', [6, 12, 24, 36, 48, 72]),
      paper: numbers('topK', [10, 30, 50, 70, 90]),
    },
  },
  rank: {
    title: 'rank of the contraction',
    x: 'R',
    figure: 'psnr',
    rows: {
      tiny: numbers('rank', [6, 12]),
      small: numbers('rank', [12, 24, 48, 96, 144]),
      paper: numbers('rank', [100, 200, 300, 400, 500]),
    },
  },
  width: {
    title: 'width of the factor networks',
    x: 'W',
    figure: 'psnr',
    rows: {
      tiny: numbers('width', [6, 12]),
      small: numbers('width', [24, 48, 96, 144]),
      paper: numbers('width', [100, 200, 300, 400, 500]),
    },
  },
  refresh: {
    title: 'steps from one refresh of the preconditioner to the next',
    x: 'steps',
    figure: 'psnr',
    rows: {
      tiny: numbers('refresh', [5, 10]),
      small: numbers('refresh', [1, 10, 50, 100, 300]),
      paper: numbers('refresh', [1, 10, 100, 500, 1300]),
    },
  },
  activation: {
    title: 'activation of the factor networks, with and without Fourier features',
    x: 'activation',
    figure: 'psnr',
    rows: everywhere([
      { name: 'sine', change: { activation: sine } },
      { name: 'cosine', change: { activation: cosine } },
      { name: 'tanh', change: { activation: tanh } },
      { name: 'relu', change: { activation: relu } },
      { name: 'tanh, Fourier', change: { activation: tanh, fourier: 5 } },
      { name: 'relu, Fourier', change: { activation: relu, fourier: 5 } },
    ]),
  },
  modulation: {
    title: 'modulation of the eigenvalues',
    x: 'g',
    figure: 'psnr',
    rows: everywhere([
      { name: 'g1, flat', change: { modulation: 'flat' } },
      { name: 'g2, sqrt', change: { modulation: 'sqrt' } },
    ]),
  },
  noise: {
    title: 'normal noise in what is fitted, judged by the clean image',
    x: 'deviation',
    figure: 'psnr',
    rows: everywhere([asItIs, ...numbers('noise', [0.02, 0.05, 0.1])]),
  },
  'data-rank': {
    title: 'images truncated to a rank',
    x: 'rank of the image',
    figure: 'psnr',
    rows: {
      tiny: [...numbers('dataRank', [2]), { name: 'whole', change: {} }],
      small: [...numbers('dataRank', [4, 12, 24, 48]), { name: 'whole', change: {} }],
      paper: [...numbers('dataRank', [20, 60, 120, 250]), { name: 'whole', change: {} }],
    },
  },
  inpainting: {
    title: 'pixels held out, judged by those alone',
    x: 'share held out',
    figure: 'psnrHeldOut',
    rows: everywhere(numbers('mask', [0.3, 0.5])),
  },
} as const satisfies Readonly<Record<string, Table>>;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as readonly TableName[];
