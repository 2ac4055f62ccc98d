/** Runs of the rows of the paper's tables: each setting is trained once, whatever rows and tables ask for it. */

import type { Engine } from '../../graph/engine.js';
import { median } from '../../host/arrays.js';
import type { Combine } from '../../ops/precondition/precondition.js';
import { adam } from '../../optimiser/adam.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { prepareImage } from '../image/data.js';
import { imageModel } from '../image/model.js';
import { type ImageMeasured, imageTask } from '../image/task.js';
import { madeRows, type Rows } from '../rows.js';
import { trainingRun } from '../trainingRun.js';
import { truncateRank } from './lowRank.js';
import { type Row, rates, type Setting, type Table } from './tables.js';

/** What is trained in every row: plain, the best of the plain runs over `rates`, the paper's sum and the product. */
export const variants = ['plain', 'plainBestRate', 'sepPgd', 'product'] as const;
export type Variant = (typeof variants)[number];

/** One training run of one image from one seed. */
export interface Sample {
  readonly image: string;
  readonly seed: number;
  /** The table's figure in dB after the last step. */
  readonly last: number;
  /** The highest of all reports, and its step. */
  readonly peak: number;
  readonly peakStep: number;
  /** Where the loss was no longer finite: the figures are then those before. */
  readonly failedAt?: number;
}

/** Medians over images and seeds. */
export interface Outcome {
  readonly rate: number;
  readonly last: number;
  readonly peak: number;
  readonly samples: readonly Sample[];
}

export interface RowReport {
  readonly name: string;
  readonly change: Row['change'];
  readonly paper?: Row['paper'];
  readonly runs: Readonly<Record<Variant, Outcome>>;
}

/** How one run is trained, beside the row's setting. */
interface Training {
  readonly rate: number;
  readonly combine?: Combine;
}

type Reports = readonly (readonly [number, ImageMeasured])[];
interface Trained {
  readonly reports: Reports;
  readonly failedAt?: number;
}

export class Runs {
  readonly #made = new Map<string, Promise<Trained>>();

  constructor(
    readonly engine: Engine,
    readonly base: Setting,
    readonly images: readonly string[],
    readonly seeds: readonly number[],
    /** Told before each run that is really made. */
    readonly announce: (what: string) => void,
    readonly rows: Rows = madeRows,
    /** Once it is aborted, what is asked for throws its reason. */
    readonly signal?: AbortSignal,
  ) {}

  async row({ name, change, paper }: Row, { figure, x }: Table): Promise<RowReport> {
    const setting = { ...this.base, ...change };
    const outcome = (training: Training) => this.#outcome(setting, training, figure, `${x} ${name}`);
    const plains: Outcome[] = [];
    for (const rate of rates) plains.push(await outcome({ rate }));
    return {
      name,
      change,
      ...(paper && { paper }),
      runs: {
        plain: plains[0],
        plainBestRate: plains.reduce((best, one) => (one.last > best.last ? one : best)),
        sepPgd: await outcome({ rate: rates[0], combine: 'sum' }),
        product: await outcome({ rate: rates[0], combine: 'product' }),
      },
    };
  }

  async #outcome(setting: Setting, training: Training, figure: Table['figure'], what: string): Promise<Outcome> {
    const samples: Sample[] = [];
    for (const image of this.images) {
      for (const seed of this.seeds) {
        const { reports, failedAt } = await this.#train(setting, training, image, seed, what);
        const curve = reports.map(([step, measured]) => ({ step, value: measured[figure] ?? Number.NaN }));
        const peak = curve.reduce((best, one) => (one.value > best.value ? one : best));
        const last = curve[curve.length - 1].value;
        samples.push({
          image,
          seed,
          last,
          peak: peak.value,
          peakStep: peak.step,
          ...(failedAt !== undefined && { failedAt }),
        });
      }
    }
    const of = (key: 'last' | 'peak') => median(samples.map(sample => sample[key]));
    return { rate: training.rate, last: of('last'), peak: of('peak'), samples };
  }

  #train(setting: Setting, training: Training, image: string, seed: number, what: string): Promise<Trained> {
    // A plain run is the same whatever its row says of the preconditioner.
    const { topK, modulation, refresh, ...others } = setting;
    const key = JSON.stringify([others, image, seed, training, training.combine && [topK, modulation, refresh]]);
    let made = this.#made.get(key);
    if (!made) {
      made = this.rows.of(key, () => {
        this.announce(`${what}, ${training.combine ?? `plain at ${training.rate}`}, seed ${seed}, ${image}`);
        return this.#trained(setting, training, image, seed);
      });
      this.#made.set(key, made);
    }
    return made;
  }

  async #trained(setting: Setting, { rate, combine }: Training, image: string, seed: number): Promise<Trained> {
    const { points, dataRank, topK, modulation, refresh, steps } = setting;
    const size = { width: points, height: points };
    const data = await prepareImage(image, { ...setting, size, seed }, (planes, pixels) =>
      dataRank === undefined ? planes : truncateRank(planes, pixels, dataRank),
    );
    this.signal?.throwIfAborted();
    const { reports, stopped, failure } = await trainingRun(
      this.engine,
      imageTask(imageModel(data, { ...setting, seed }), data),
      {
        optimiser: adam({ learningRate: rate }),
        preconditioner: combine && sepPgd({ topK, combine, modulation, meanOfLogits: true, refresh }),
        steps,
        reportEvery: Math.max(1, Math.round(steps / reportsARun)),
        seed,
        ...(this.signal && { signal: this.signal }),
      },
    );
    if (stopped) this.signal?.throwIfAborted();
    return { reports, ...(failure && { failedAt: failure.step }) };
  }
}

/** Points of a curve, of which the highest is told. */
const reportsARun = 25;
