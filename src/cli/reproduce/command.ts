/** `sepnn reproduce`: the image experiments of the paper, each a table of runs, written as CSV, SVG and JSON. */

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import { type RowReport, Runs, type Variant, variants } from '../../experiments/paper/runs.js';
import {
  type ScaleName,
  type Setting,
  scaleNames,
  scales,
  type Table,
  type TableName,
  tableNames,
  tables,
} from '../../experiments/paper/tables.js';
import type { AdapterReport } from '../../graph/engine.js';
import { mostSeed } from '../../host/random.js';
import { readBytes, writeWhole } from '../../io/files.js';
import { openImage } from '../../io/image/image.js';
import { barPlot } from '../../io/plot.js';
import { RowFile } from '../../io/rowFile.js';
import { openEngine } from '../../public/node.js';
import type { Ending } from '../ending.js';
import { adapterOption, oneOf, valueOption, whole } from '../options.js';
import { print, table, warn } from '../terminal.js';
import { adapterLine, fileLines } from '../training/session.js';
import { Command } from '../vendor.js';
import { version } from '../version.js';

interface ReproduceOptions {
  readonly scale: ScaleName;
  readonly image?: readonly string[];
  readonly steps?: number;
  readonly seeds: readonly number[];
  readonly out: string;
  readonly adapter: AdapterKind | 'auto';
  readonly json: boolean;
}

export interface TableReport {
  readonly name: TableName;
  readonly title: string;
  readonly figure: Table['figure'];
  readonly rows: readonly RowReport[];
  readonly seconds: number;
  readonly files: Readonly<Record<'csv' | 'svg' | 'json', string>>;
}

export interface ReproduceReport {
  readonly adapter: AdapterReport;
  readonly scale: ScaleName;
  /** What every row changes. */
  readonly setting: Setting;
  readonly images: readonly string[];
  readonly seeds: readonly number[];
  readonly tables: readonly TableReport[];
}

export function reproduceCommand(ending: Ending): Command {
  return new Command('reproduce')
    .description("the paper's image experiments: PSNR of plain runs, SepPGD and its product form, a table each")
    .argument('<tables...>', `${tableNames.join(', ')}, or all`)
    .addOption(valueOption('--scale <name>', scaleNames.join(', '), oneOf('--scale', scaleNames), 'small'))
    .option('--image <files...>', "PNG or JPEG, several for medians (default: the photograph of npm's baboon-image)")
    .addOption(valueOption('--steps <N>', "steps of each run (default: the scale's)", whole('--steps', 1, 1e7)))
    .addOption(valueOption('--seeds <list>', 'separated by commas, for medians', seeds, [0]))
    .option('--out <dir>', 'folder for the results', 'sepnn-reproduce')
    .addOption(adapterOption())
    .option('--json', 'print one JSON object and nothing else on stdout', false)
    .action((words: readonly string[], options: ReproduceOptions) => reproduce(ending, words, options));
}

function seeds(text: string): readonly number[] {
  const found = text.split(',').map(part => whole('--seeds', 0, mostSeed)(part));
  if (new Set(found).size === found.length) return found;
  throw new InputError(`--seeds ${text}: names one twice: name each once`);
}

/** @throws InputError bad input, before the device is touched or anything written. */
async function reproduce(ending: Ending, words: readonly string[], options: ReproduceOptions): Promise<void> {
  const names = words.includes('all') ? tableNames : words.map(oneOf('TABLE', [...tableNames, 'all'] as const));
  const images = options.image ?? [photograph()];
  for (const image of images) await openImage(image);
  const setting: Setting = { ...scales[options.scale], ...(options.steps !== undefined && { steps: options.steps }) };
  await ending.inFolder('--out', options.out, async () => {
    const engine = await openEngine({ adapter: options.adapter });
    try {
      const digests = await Promise.all(images.map(digestOf));
      const rows = await RowFile.open(options.out, 'reproduce', { version, adapter: engine.adapter, digests });
      const announce = (what: string) => {
        if (!options.json) process.stderr.write(`${what}\n`);
      };
      const runs = new Runs(engine, setting, images, options.seeds, announce, rows, ending.signal);
      const reports: TableReport[] = [];
      await ending.inRows(
        () => `${rows.count} runs are`,
        async () => {
          for (const name of new Set(names as readonly TableName[])) {
            reports.push(await reproduceTable(name, runs, options));
          }
        },
      );
      const report: ReproduceReport = {
        adapter: engine.adapter,
        scale: options.scale,
        setting,
        images,
        seeds: options.seeds,
        tables: reports,
      };
      for (const one of reports) {
        await writeWhole(one.files.json, `${JSON.stringify({ ...report, tables: [one] }, named, 2)}\n`);
      }
      await rows.complete();
      print(options.json ? JSON.stringify(report, named) : summary(report));
    } finally {
      await engine.dispose();
    }
  });
}

const mostImageBytes = 2 ** 31;

async function digestOf(image: string): Promise<string> {
  return createHash('sha256')
    .update(await readBytes('image', image, mostImageBytes))
    .digest('hex');
}

/** An activation stands in JSON by its name. */
function named(key: string, value: unknown): unknown {
  return key === 'activation' ? (value as Setting['activation']).name : value;
}

/** @throws InputError where it is not installed. */
function photograph(): string {
  try {
    return join(createRequire(import.meta.url).resolve('baboon-image'), '..', 'baboon.png');
  } catch {
    throw new InputError(
      "--image: none is given, and npm's baboon-image, which a checkout of sepnn has, is not installed: give --image FILE",
    );
  }
}

async function reproduceTable(name: TableName, runs: Runs, { scale, out }: ReproduceOptions): Promise<TableReport> {
  const start = performance.now();
  const chosen: Table = tables[name];
  const rows: RowReport[] = [];
  for (const row of chosen.rows[scale]) {
    const report = await runs.row(row, chosen);
    for (const [variant, { samples }] of Object.entries(report.runs)) {
      for (const { failedAt } of samples) {
        if (failedAt !== undefined)
          warn(`${name} ${row.name}, ${variant}: the loss was not finite at step ${failedAt}`);
      }
    }
    rows.push(report);
  }
  const files = { csv: join(out, `${name}.csv`), svg: join(out, `${name}.svg`), json: join(out, `${name}.json`) };
  await writeWhole(files.csv, csvOf(chosen, rows));
  await writeWhole(files.svg, plotOf(chosen, rows));
  return { name, title: chosen.title, figure: chosen.figure, rows, seconds: (performance.now() - start) / 1000, files };
}

const variantNames: Readonly<Record<Variant, string>> = {
  plain: 'plain',
  plainBestRate: 'plain, best rate',
  sepPgd: 'SepPGD',
  product: 'SepPGD, product',
};

/** Figures after the last step, then the highest of each curve; the paper's stay empty where they are not known here. */
function csvOf({ x }: Table, rows: readonly RowReport[]): string {
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const head = [x, ...variants, 'bestRate', ...variants.map(variant => `${variant}Peak`), 'paperPlain', 'paperSepPgd'];
  const lines = rows.map(({ name, runs, paper }) => [
    name,
    ...variants.map(variant => runs[variant].last.toFixed(2)),
    String(runs.plainBestRate.rate),
    ...variants.map(variant => runs[variant].peak.toFixed(2)),
    paper?.plain.toFixed(2) ?? '',
    paper?.sepPgd.toFixed(2) ?? '',
  ]);
  return [head, ...lines].map(line => `${line.map(quoted).join(',')}\n`).join('');
}

function plotOf({ title, x, figure }: Table, rows: readonly RowReport[]): string {
  const bars = variants.map(variant => ({
    name: variantNames[variant],
    heights: rows.map(({ runs }) => runs[variant].last),
  }));
  const papers = rows.some(({ paper }) => paper)
    ? (['plain', 'sepPgd'] as const).map(which => ({
        name: `${variantNames[which]}, paper`,
        heights: rows.map(({ paper }) => paper?.[which]),
      }))
    : [];
  const y = figure === 'psnr' ? 'PSNR (dB)' : 'PSNR of held-out pixels (dB)';
  return barPlot(
    rows.map(({ name }) => name),
    [...bars, ...papers],
    { title, x, y },
  );
}

function summary({ adapter, setting, images, seeds: from, tables: reports }: ReproduceReport): string {
  const { points, rank, width, topK, steps } = setting;
  const head = `${adapterLine(adapter)}, ${points} x ${points}, R = ${rank}, W = ${width}, k = ${topK}, ${steps} steps`;
  const over = `dB after the last step; in brackets the highest of the curve; medians (images: ${images.length}, seeds: ${from.length})`;
  const parts = reports.map(({ name, rows, files, seconds }) => {
    const cells = rows.map(({ name: row, runs, paper }) => [
      row,
      ...variants.map(variant => {
        const { last, peak, rate } = runs[variant];
        return `${last.toFixed(2)} (${peak.toFixed(2)})${variant === 'plainBestRate' ? ` at ${rate}` : ''}`;
      }),
      paper ? `${paper.plain.toFixed(2)}, ${paper.sepPgd.toFixed(2)}` : 'not known here',
    ]);
    const columns = [tables[name].x, ...variants.map(variant => variantNames[variant]), 'paper: plain, SepPGD'];
    return [`${name}: ${tables[name].title}, ${seconds.toFixed(0)} s`, table(columns, cells), ...fileLines(files)].join(
      '\n',
    );
  });
  return [head, over, ...parts].join('\n');
}
