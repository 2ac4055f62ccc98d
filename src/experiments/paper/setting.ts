/** What the experiments of the paper's tables share: how a row is set, what it is judged by, and what it is run on. */

import type { Activation } from '../../model/activation.js';
import type { Modulation } from '../../ops/precondition/modulate.js';
import type { Measured, TrainingTask } from '../trainingRun.js';

/** What every experiment's rows may set, beside what is its own. */
export interface Setting {
  readonly rank: number;
  readonly width: number;
  readonly activation: Activation;
  readonly topK: number;
  /** Eigenpairs that MSK modulates. */
  readonly mskTopK: number;
  readonly modulation: Modulation;
  /** Steps from one refresh of the preconditioner to the next. */
  readonly refresh: number;
  readonly steps: number;
  /** Adam's: the first is that of every run, and all are tried without a preconditioner. */
  readonly rates: readonly number[];
  /** Muon's, at the start of a cosine: all are tried. */
  readonly muonRates: readonly number[];
}

/** `paper` is the paper's, member by member; `small` what two cores do in minutes; `tiny` there to try the command. */
export const scaleNames = ['tiny', 'small', 'paper'] as const;
export type ScaleName = (typeof scaleNames)[number];

interface Figure {
  readonly label: string;
  /** Whether more is better. */
  readonly rises: boolean;
  readonly shown: (value: number) => string;
  /** Decimal places that the paper prints. */
  readonly places: number;
}

const decibel = (value: number) => value.toFixed(2);

/** What a table is judged by. */
export const figures = {
  psnr: { label: 'PSNR (dB)', rises: true, shown: decibel, places: 2 },
  psnrHeldOut: { label: 'PSNR of held-out pixels (dB)', rises: true, shown: decibel, places: 2 },
  /** Under both readings of what the paper calls MSE. */
  mse: {
    label: 'MSE (and its root)',
    rises: false,
    shown: (value: number) => `${value.toExponential(2)} (${Math.sqrt(value).toFixed(4)})`,
    places: 3,
  },
  iou: { label: 'IoU', rises: true, shown: (value: number) => value.toFixed(4), places: 3 },
} as const satisfies Readonly<Record<string, Figure>>;
export type FigureName = keyof typeof figures;

export function isBetter(figure: FigureName, value: number, than: number): boolean {
  return figures[figure].rises ? value > than : value < than;
}

export type Judged = Measured & Readonly<Partial<Record<FigureName, number>>>;

/** A file that rows are run on, told from others by what is in it. */
export interface Source {
  readonly path: string;
  readonly digest: string;
}

export interface Sources {
  readonly images: readonly Source[];
  readonly volumes: readonly Source[];
}

/** What is trained and judged, over settings of its own. */
export interface Experiment<S extends Setting> {
  readonly scales: Readonly<Record<ScaleName, S>>;
  /** Where rows are run on files, which of them. */
  readonly runsOn: (sources: Sources) => readonly Source[];
  readonly task: (setting: S, source: Source, seed: number) => Promise<TrainingTask<Judged>>;
}
