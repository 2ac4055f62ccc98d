/** `sepnn reproduce`: the experiments of the paper, each a table of runs beside its own numbers, as CSV, SVG, JSON and Markdown. */

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import { type CurvesName, curves, curvesNames } from '../../experiments/paper/curves.js';
import { Runs } from '../../experiments/paper/runs.js';
import {
  type ScaleName,
  type Setting,
  type Source,
  type Sources,
  scaleNames,
} from '../../experiments/paper/setting.js';
import { type Table, type TableName, tableNames, tables } from '../../experiments/paper/tables.js';
import { mostSeed } from '../../host/random.js';
import { readBytes, writeWhole } from '../../io/files.js';
import { openImage } from '../../io/image/image.js';
import { RowFile } from '../../io/rowFile.js';
import { decodeVolume } from '../../io/volumeFile.js';
import type { Ending } from '../ending.js';
import { openQuietly } from '../engine.js';
import { adapterOption, matrixUnitsOption, oneOf, valueOption, whole } from '../options.js';
import { print, warn } from '../terminal.js';
import { Command } from '../vendor.js';
import { version } from '../version.js';
import { type CurvesReport, curvesCsvOf, curvesPlotOf } from './curves.js';
import { csvOf, markdownOf, plotOf, type ReproduceReport, summaryOf, type TableReport } from './report.js';

interface ReproduceOptions {
  readonly scale: ScaleName;
  readonly image?: readonly string[];
  readonly volume?: string;
  readonly steps?: number;
  readonly seeds: readonly number[];
  readonly out: string;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly json: boolean;
}

type Name = TableName | CurvesName;
const names: readonly Name[] = [...tableNames, ...curvesNames];

export function reproduceCommand(ending: Ending): Command {
  return new Command('reproduce')
    .description(
      "the paper's experiments, a table each beside its own numbers: plain, SepPGD and its product form, Muon",
    )
    .argument('<tables...>', `${names.join(', ')}, or all`)
    .addOption(valueOption('--scale <name>', scaleNames.join(', '), oneOf('--scale', scaleNames), 'small'))
    .option('--image <files...>', "PNG or JPEG, several for medians (default: the photograph of npm's baboon-image)")
    .option('--volume <file>', 'of `surface`: an .npy of three axes, such as scripts/thai.ts writes')
    .addOption(valueOption('--steps <N>', "steps of each run (default: the scale's)", whole('--steps', 1, 1e7)))
    .addOption(valueOption('--seeds <list>', 'separated by commas, for medians', seeds, [0]))
    .option('--out <dir>', 'folder for the results', 'sepnn-reproduce')
    .addOption(adapterOption())
    .addOption(matrixUnitsOption())
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
  const asked = words.map(oneOf('TABLE', [...names, 'all'] as const));
  const sources = await sourcesOf(options);
  const all = asked.includes('all');
  const chosen = names.filter(name => (all ? canRun(name, sources) : asked.includes(name)));
  for (const name of chosen) {
    if (canRun(name, sources)) continue;
    throw new InputError(`${name}: no --volume is given: ${volumeRemedy}`);
  }
  await ending.inFolder('--out', options.out, async () => {
    const engine = await openQuietly(options.adapter, options.matrixUnits);
    try {
      const rows = await RowFile.open(options.out, 'reproduce', { version, adapter: engine.adapter });
      const announce = (what: string) => {
        if (!options.json) process.stderr.write(`${what}\n`);
      };
      const runs = new Runs(engine, sources, options.seeds, announce, rows, ending.signal);
      const reports: TableReport[] = [];
      const drawn: CurvesReport[] = [];
      await ending.inRows(
        () => `${rows.count} runs are`,
        async () => {
          for (const name of tableNames.filter(one => chosen.includes(one))) {
            reports.push(await reproduceTable(name, runs, options));
          }
          for (const name of curvesNames.filter(one => chosen.includes(one))) {
            drawn.push(await reproduceCurves(name, runs, options));
          }
        },
      );
      const report: ReproduceReport = {
        adapter: engine.adapter,
        scale: options.scale,
        setting: tables.image.setting(options.scale, options.steps),
        images: sources.images.map(({ path }) => path),
        volumes: sources.volumes.map(({ path }) => path),
        seeds: options.seeds,
        tables: reports,
        curves: drawn,
        notRun: notRun(chosen, options),
        files: { markdown: join(options.out, 'paper.md') },
      };
      for (const one of reports) {
        await writeWhole(one.files.json, `${JSON.stringify({ ...report, tables: [one], curves: [] }, named, 2)}\n`);
      }
      for (const one of drawn) {
        await writeWhole(one.files.json, `${JSON.stringify({ ...report, tables: [], curves: [one] }, named, 2)}\n`);
      }
      await writeWhole(report.files.markdown, markdownOf(report));
      await rows.complete();
      print(options.json ? JSON.stringify(report, named) : summaryOf(report));
    } finally {
      await engine.dispose();
    }
  });
}

const volumeRemedy = 'give --volume FILE, such as scripts/thai.ts writes';

function canRun(name: Name, sources: Sources): boolean {
  return !isTable(name) || tables[name].runsOn(sources).length > 0;
}

function isTable(name: Name): name is TableName {
  return name in tables;
}

/** What of the paper is not there, in its own words. */
function notRun(chosen: readonly Name[], { scale, volume }: ReproduceOptions): string[] {
  const left = names.filter(name => !chosen.includes(name));
  const lines = left.map(name => {
    const { beside }: { readonly beside?: string } = isTable(name) ? tables[name] : curves[name];
    const remedy = name === 'surface' && volume === undefined ? `: ${volumeRemedy}` : '';
    return `${name}${beside === undefined ? '' : `, ${beside}`}${remedy}`;
  });
  return [
    ...(scale === 'paper' ? [] : ["the paper's own scale: `--scale paper`, for a GPU"]),
    ...lines,
    'Figure 13: differential equations have a command of their own, `sepnn pde`, with `--preset paper`',
  ];
}

/** @throws InputError a file that cannot be read, or is no image or volume. */
async function sourcesOf({ image, volume }: ReproduceOptions): Promise<Sources> {
  const images = [];
  for (const path of image ?? [photograph()]) {
    await openImage(path);
    images.push(sourceOf(path, await readBytes('image', path, mostImageBytes)));
  }
  if (volume === undefined) return { images, volumes: [] };
  const bytes = await readBytes('volume', volume, mostVolumeBytes);
  decodeVolume(volume, bytes);
  return { images, volumes: [sourceOf(volume, bytes)] };
}

const mostImageBytes = 2 ** 31;
const mostVolumeBytes = 2 ** 31;

function sourceOf(path: string, bytes: Uint8Array): Source {
  return { path, digest: createHash('sha256').update(bytes).digest('hex') };
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

async function reproduceTable(
  name: TableName,
  runs: Runs,
  { scale, steps, out }: ReproduceOptions,
): Promise<TableReport> {
  const start = performance.now();
  const chosen: Table = tables[name];
  const setting = chosen.setting(scale, steps);
  const rows = [];
  for (const row of chosen.rows(scale, steps)) {
    const report = await runs.row(row, chosen);
    for (const [column, { samples }] of Object.entries(report.runs)) {
      for (const { failedAt } of samples) {
        if (failedAt !== undefined) warn(`${name} ${row.name}, ${column}: the loss was not finite at step ${failedAt}`);
      }
    }
    rows.push(report);
  }
  const files = { csv: join(out, `${name}.csv`), svg: join(out, `${name}.svg`), json: join(out, `${name}.json`) };
  await writeWhole(files.csv, csvOf(chosen, setting, rows));
  await writeWhole(files.svg, plotOf(chosen, rows));
  const { title, beside, figure } = chosen;
  const seconds = (performance.now() - start) / 1000;
  return { name, title, ...(beside !== undefined && { beside }), figure, setting, rows, seconds, files };
}

async function reproduceCurves(
  name: CurvesName,
  runs: Runs,
  { scale, steps, out }: ReproduceOptions,
): Promise<CurvesReport> {
  const start = performance.now();
  const { title, beside, y, setting, panels: panelsOf } = curves[name];
  const panels = await panelsOf(runs, scale, steps);
  const files: Record<string, string> = { csv: join(out, `${name}.csv`), json: join(out, `${name}.json`) };
  await writeWhole(files.csv, curvesCsvOf(panels));
  for (const panel of panels) {
    for (const x of ['step', 'seconds'] as const) {
      const path = join(out, `${name}-${panel.name.replaceAll(/[^\w.]+/g, '-')}-${x}.svg`);
      files[`${panel.name}, ${x}`] = path;
      await writeWhole(path, curvesPlotOf(panel, { title, y }, x));
    }
  }
  const seconds = (performance.now() - start) / 1000;
  return { name, title, beside, y, setting: setting(scale, steps), panels, seconds, files };
}
