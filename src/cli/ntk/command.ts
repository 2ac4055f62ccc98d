/** `sepnn ntk`: Figure 1 of the paper, or the spectra of a saved model before and after preconditioning. */

import { join } from 'node:path';
import { InputError } from '../../errors.js';
import {
  type Figure,
  type FigureSettings,
  figureRuns,
  type Initialisations,
  ntkFigure,
} from '../../experiments/ntkFigure.js';
import type { AdapterReport } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { readModel, type SavedModel } from '../../io/model/modelFile.js';
import { type Line, linePlot, type PlotOptions } from '../../io/plot.js';
import { RowFile } from '../../io/rowFile.js';
import { activations } from '../../model/codec.js';
import type { Ending } from '../ending.js';
import { openQuietly } from '../engine.js';
import { startProgress } from '../progress.js';
import { print, table } from '../terminal.js';
import { requireMeaning } from '../training/needs.js';
import { adapterLine, fileLines } from '../training/session.js';
import { Command } from '../vendor.js';
import { version } from '../version.js';
import { addNtkOptions, type NtkOptions, ntkNeeds } from './options.js';
import { type ModelSpectra, modelSettings, ntkSpectra, spectraPlots } from './spectra.js';

export interface FigureReport extends Figure {
  readonly adapter: AdapterReport;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seconds: number;
  readonly files: Readonly<Record<string, string>>;
}

export interface SpectraReport extends ModelSpectra {
  readonly adapter: AdapterReport;
  readonly model: string;
  readonly contraction: string;
  readonly seconds: number;
  readonly files: Readonly<Record<string, string>>;
}

export function ntkCommand(ending: Ending): Command {
  const command = new Command('ntk')
    .description('tangent kernels: Figure 1 of the paper, or the spectra of a saved model before and after SepPGD')
    .argument('[model]');
  return addNtkOptions(command).action(async (model: string | undefined, options: NtkOptions) => {
    requireMeaning(command, options, ntkNeeds(model));
    if (model === undefined) await figure(ending, options);
    else await spectra(ending, model, options);
  });
}

/** @throws InputError bad input, before the device is touched. */
async function figure(ending: Ending, options: NtkOptions): Promise<void> {
  const settings = figureSettings(options);
  const shown = { ...settings, activation: settings.activation.name };
  await ending.inFolder('--out', options.out, async () => {
    const engine = await openQuietly(options.adapter, options.matrixUnits);
    try {
      const start = performance.now();
      const rows = await RowFile.open(options.out, 'ntk', { version, adapter: engine.adapter, settings: shown });
      const progress = startProgress('ntk', 0, figureRuns(settings), options.json);
      let runs = 0;
      const done = () => {
        progress.update(++runs);
        ending.signal.throwIfAborted();
      };
      const found = await ending.inRows(
        () => `${rows.count} of ${2 * settings.widths.length} widths are`,
        () => ntkFigure(engine, settings, done, rows),
      );
      progress.stop();
      const head = { adapter: engine.adapter, settings: shown, ...found, seconds: (performance.now() - start) / 1000 };
      const report: FigureReport = await written(options.out, head, figurePlots(found, settings));
      await rows.complete();
      print(options.json ? JSON.stringify(report) : summaryOf(report));
    } finally {
      await engine.dispose();
    }
  });
}

/** @throws InputError bad input, before the device is touched. */
async function spectra(ending: Ending, path: string, options: NtkOptions): Promise<void> {
  const saved: SavedModel = await readModel(path);
  const settings = modelSettings(saved.model, options);
  await ending.inFolder('--out', options.out, async () => {
    const engine = await openQuietly(options.adapter, options.matrixUnits);
    try {
      const start = performance.now();
      const found = await ntkSpectra(engine, saved, settings);
      const seconds = (performance.now() - start) / 1000;
      const contraction = saved.model.contraction.name;
      const head = { adapter: engine.adapter, model: path, contraction, ...found, seconds };
      const report: SpectraReport = await written(options.out, head, spectraPlots(found));
      print(options.json ? JSON.stringify(report) : summaryOf(report));
    } finally {
      await engine.dispose();
    }
  });
}

/** Defaults that depend on each other. @throws InputError a k above the axis's points. */
function figureSettings(options: NtkOptions): FigureSettings {
  const { rank, depth, activation, steps, quick, points = 8, omega } = options;
  const { widths = quick ? [25, 50, 100] : [50, 100, 200, 400, 800], seeds = quick ? 10 : 30 } = options;
  const { topK = Math.floor(points / 2) } = options;
  if (topK > points) throw new InputError(`--top-k ${topK}: an axis has ${points} points: use 1 to ${points}`);
  const list = [...new Set(typeof widths === 'number' ? [widths] : widths)].sort((a, b) => a - b);
  return {
    widths: list,
    rank,
    seeds,
    points,
    depth,
    activation: activations[activation],
    steps,
    topK,
    ...(omega !== undefined && { omega }),
  };
}

type Plots = Readonly<Record<string, readonly [readonly Line[], PlotOptions]>>;

/** Writes the plots, and the report with their names. */
async function written<T extends object>(out: string, head: T, plots: Plots) {
  const files: Record<string, string> = { data: join(out, 'ntk.json') };
  for (const [name, [lines, how]] of Object.entries(plots)) {
    files[name] = join(out, `${name}.svg`);
    await writeWhole(files[name], linePlot(lines, how));
  }
  const report = { ...head, files };
  await writeWhole(files.data, `${JSON.stringify(report, undefined, 2)}\n`);
  return report;
}

const onLogarithms = { x: true, y: true };

function figurePlots({ fixedRank, fixedRankLimit, widthIsRank, eigenvalues }: Figure, settings: FigureSettings): Plots {
  const line = (name: string, runs: readonly Initialisations[], of: (run: Initialisations) => number): Line => ({
    name,
    points: runs.map(run => [run.width, of(run)]),
  });
  const spectrum = (name: string, values: readonly number[]): Line => ({
    name,
    points: values.flatMap((value, i) => (value > 2 ** -23 * values.length ? [[i + 1, value] as const] : [])),
  });
  const seeds = `${settings.seeds} initialisations`;
  return {
    spreadAtFixedRank: [
      [
        line('spread', fixedRank, run => run.spread),
        { name: 'infinite width (Corollary 1)', points: fixedRank.map(({ width }) => [width, fixedRankLimit]) },
        line('distance from Theorem 2', fixedRank, run => run.distance),
      ],
      {
        title: `NTK at initialisation, R = ${settings.rank}, ${seeds}`,
        x: 'width W',
        y: 'relative to the mean',
        logarithmic: onLogarithms,
      },
    ],
    spreadAtWidthIsRank: [
      [
        line('spread', widthIsRank, run => run.spread),
        line('distance from Theorem 2', widthIsRank, run => run.distance),
      ],
      {
        title: `NTK at initialisation, W = R, ${seeds}`,
        x: 'width W = rank R',
        y: 'relative to the mean',
        logarithmic: onLogarithms,
      },
    ],
    change: [
      [line('|K_t - K_0| / |K_0|', widthIsRank, run => run.change ?? 0)],
      {
        title: `Change of the NTK after ${settings.steps} steps, ${seeds}`,
        x: 'width W = rank R',
        y: 'relative change',
        logarithmic: onLogarithms,
      },
    ],
    eigenvalues: [
      [
        spectrum('SepNN', eigenvalues.sepnn),
        spectrum(`SepNN with SepPGD, k = ${settings.topK}`, eigenvalues.preconditioned),
        spectrum('infinite width and rank (Theorem 2)', eigenvalues.infinite),
        spectrum('MLP', eigenvalues.mlp),
      ],
      {
        title: `Eigenvalues of the NTK, W = R = ${settings.widths.at(-1)}`,
        x: 'index',
        y: 'over the first',
        logarithmic: { y: true },
      },
    ],
  };
}

function summaryOf(report: FigureReport | SpectraReport): string {
  const { adapter, seconds, files } = report;
  const rows = 'widthIsRank' in report ? figureTable(report) : spectraTable(report);
  const told = Object.fromEntries(Object.entries(files).map(([name, path]) => [inWords(name), path]));
  return [`${adapterLine(adapter)}, ${seconds.toFixed(1)} s`, rows, ...fileLines(told)].join('\n');
}

/** spreadAtFixedRank: spread at fixed rank. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`);
}

function figureTable({ fixedRank, fixedRankLimit, widthIsRank, settings }: FigureReport): string {
  const rows = widthIsRank.map(({ width, spread, change = 0 }, i) =>
    [String(width), fixedRank[i].spread, spread, change].map(x => (typeof x === 'number' ? x.toFixed(4) : x)),
  );
  rows.push(['infinite', fixedRankLimit.toFixed(4), '', '']);
  return table(['W', `spread, R = ${settings.rank}`, 'spread, W = R', `change, ${settings.steps} steps`], rows);
}

function spectraTable({ networks, whole }: SpectraReport): string {
  const range = (values?: readonly number[]) =>
    values === undefined ? '' : `${values[0].toExponential(2)} to ${(values.at(-1) as number).toExponential(2)}`;
  const rows = networks.map(({ member, axis, before, after, used }) => [
    `member ${member}, axis ${axis}`,
    String(before.length),
    range(before),
    String(used),
    range(after.slice(0, used)),
  ]);
  whole?.kernels.forEach(({ before, after }, member) => {
    rows.push([`member ${member}, whole`, String(before.length), range(before), '', range(after)]);
  });
  return table(['kernel', 'eigenvalues', 'largest to smallest', 'k', 'modulated, or after SepPGD'], rows);
}
