/** Runs of the rows of the paper's tables: each setting is trained once, whatever rows and tables ask for it. */

import type { Engine } from '../../graph/engine.js';
import { median } from '../../host/arrays.js';
import { madeRows, type Rows } from '../rows.js';
import { trainingRun } from '../trainingRun.js';
import { type Column, type ColumnName, columns } from './columns.js';
import { type FigureName, isBetter, type Judged, type Source, type Sources } from './setting.js';
import type { Row, Table } from './tables.js';

/** One training run on one source from one seed. */
export interface Sample {
  readonly source: string;
  readonly seed: number;
  /** The table's figure after the last step. */
  readonly last: number;
  /** The best of all reports, and its step. */
  readonly peak: number;
  readonly peakStep: number;
  /** Where the loss was no longer finite: the figures are then those before. */
  readonly failedAt?: number;
}

/** Medians over sources and seeds, of the best of a column's rates. */
export interface Outcome {
  readonly rate: number;
  readonly last: number;
  readonly peak: number;
  readonly samples: readonly Sample[];
}

export interface RowReport extends Pick<Row, 'name' | 'paperRow' | 'change' | 'paper'> {
  readonly runs: Readonly<Partial<Record<ColumnName, Outcome>>>;
}

interface Trained {
  readonly reports: readonly (readonly [step: number, judged: Judged])[];
  readonly failedAt?: number;
}

export class Runs {
  readonly #made = new Map<string, Promise<Trained>>();

  constructor(
    readonly engine: Engine,
    readonly sources: Sources,
    readonly seeds: readonly number[],
    /** Told before each run that is really made. */
    readonly announce: (what: string) => void,
    readonly rows: Rows = madeRows,
    /** Once it is aborted, what is asked for throws its reason. */
    readonly signal?: AbortSignal,
  ) {}

  async row(row: Row, table: Table): Promise<RowReport> {
    const runs: Partial<Record<ColumnName, Outcome>> = {};
    for (const name of table.columns) runs[name] = await this.#outcome(row, columns[name], table);
    const { name, paperRow, change, paper } = row;
    return { name, change, ...(paperRow !== undefined && { paperRow }), ...(paper && { paper }), runs };
  }

  async #outcome(row: Row, column: Column, table: Table): Promise<Outcome> {
    let best: Outcome | undefined;
    for (const rate of column.rates(row.setting)) {
      const one = await this.#atRate(row, column, rate, table);
      if (!best || isBetter(table.figure, one.last, best.last)) best = one;
    }
    return best as Outcome;
  }

  async #atRate(row: Row, column: Column, rate: number, { x, figure, runsOn }: Table): Promise<Outcome> {
    const samples: Sample[] = [];
    for (const source of runsOn(this.sources)) {
      for (const seed of this.seeds) {
        const trained = await this.#train(row, column, rate, source, seed, `${x} ${row.name}`);
        samples.push(sampleOf(trained, source.path, seed, figure));
      }
    }
    const of = (key: 'last' | 'peak') => median(samples.map(sample => sample[key]));
    return { rate, last: of('last'), peak: of('peak'), samples };
  }

  #train(row: Row, column: Column, rate: number, source: Source, seed: number, what: string): Promise<Trained> {
    const { topK, mskTopK, modulation, refresh, rates, muonRates, ...others } = row.setting;
    const words = [column.words(rate), ...(column.preconditioned ? [column.preconditioned.words] : [])];
    // A plain run is the same whatever its row says of the preconditioner, and any whatever other rates are tried.
    const preconditioned = column.preconditioned && [topK, mskTopK, modulation, refresh];
    const key = JSON.stringify([others, source.digest, seed, words, preconditioned]);
    let made = this.#made.get(key);
    if (!made) {
      made = this.rows.of(key, () => {
        this.announce(`${what}: ${words.join(', ')}, seed ${seed}, ${source.path}`);
        return this.#trained(row, column, rate, source, seed);
      });
      this.#made.set(key, made);
    }
    return made;
  }

  async #trained({ setting, task }: Row, column: Column, rate: number, source: Source, seed: number): Promise<Trained> {
    const { steps } = setting;
    const prepared = await task(source, seed);
    this.signal?.throwIfAborted();
    const { reports, stopped, failure } = await trainingRun(this.engine, prepared, {
      optimiser: column.optimiser(rate, steps),
      preconditioner: column.preconditioned?.make(setting),
      steps,
      reportEvery: Math.max(1, Math.round(steps / reportsARun)),
      seed,
      ...(this.signal && { signal: this.signal }),
    });
    if (stopped) this.signal?.throwIfAborted();
    return { reports, ...(failure && { failedAt: failure.step }) };
  }
}

/** Points of a curve, of which the best is told. */
const reportsARun = 25;

function sampleOf({ reports, failedAt }: Trained, source: string, seed: number, figure: FigureName): Sample {
  const curve = reports.map(([step, judged]) => ({ step, value: judged[figure] ?? Number.NaN }));
  const peak = curve.reduce((best, one) => (isBetter(figure, one.value, best.value) ? one : best));
  return {
    source,
    seed,
    last: curve[curve.length - 1].value,
    peak: peak.value,
    peakStep: peak.step,
    ...(failedAt !== undefined && { failedAt }),
  };
}
