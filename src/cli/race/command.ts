/** `sepnn race`: one model of an image by several optimisers side by side, PSNR against seconds and against steps. */

import { rm } from 'node:fs/promises';
import { freemem } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeviceLost, RunError } from '../../errors.js';
import { entrantAtWidth } from '../../experiments/entrants.js';
import { type PreparedImage, prepareImage } from '../../experiments/image/data.js';
import { imageTask } from '../../experiments/image/task.js';
import { Race, type RaceRun, type RaceSettings, type RaceWatch, stepsOf } from '../../experiments/race/race.js';
import {
  middleOf,
  type RaceResult,
  type Reached,
  raceAsCsv,
  racePlot,
  resultsOf,
} from '../../experiments/race/results.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import type { Model } from '../../model/model.js';
import { commandLine } from '../commandLine.js';
import type { Ending } from '../ending.js';
import { Engines, onceMore } from '../engine.js';
import { requireShareable } from '../fit/options.js';
import { usualTopK } from '../options.js';
import { startProgress } from '../progress.js';
import { messageOf, print, table, warn } from '../terminal.js';
import { requireFits } from '../training/limits.js';
import { modelOf } from '../training/model.js';
import { requireMeaning } from '../training/needs.js';
import { requireRanks } from '../training/options.js';
import { adapterLine, fileLines } from '../training/session.js';
import { topKOf } from '../training/topK.js';
import { Command } from '../vendor.js';
import { addRaceOptions, type RaceOptions, raceNeeds, requireRunnable } from './options.js';

export interface RaceReport {
  readonly adapter: AdapterReport;
  /** Rows and columns of the grid. */
  readonly shape: readonly [number, number];
  readonly channels: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly targets: readonly number[];
  readonly results: readonly RaceResult[];
  readonly runs: readonly RaceRun[];
  readonly files: Readonly<Record<string, string>>;
}

export function raceCommand(ending: Ending): Command {
  const command = new Command('race')
    .description('represent an image by the same model trained by several optimisers side by side')
    .argument('<image>');
  return addRaceOptions(command).action((image: string, options: RaceOptions, given: Command) => {
    requireMeaning(given, options, raceNeeds);
    return race(ending, image, options);
  });
}

/** @throws InputError bad input, before the device is touched or anything written. @throws RunError where nobody has a finite loss. */
async function race(ending: Ending, image: string, asked: RaceOptions): Promise<void> {
  const runs = asked.runs.map(one => ({ ...one, entrant: entrantAtWidth(one.entrant, asked.width) }));
  const options = { ...asked, runs };
  requireRanks(options, 2);
  requireShareable(options);
  const { mask, ...others } = options;
  const data = await prepareImage(image, { ...others, ...(mask > 0 && { mask }) });
  const { width, height, planes } = data;
  const model = modelOf([height, width], planes, options, options.channels === 'shared', data.means);
  requireRunnable(options, model.domain.shape);
  const topK = topKOf(model.domain.shape, { ...options, preconditioner: 'seppgd' }, usualTopK);
  data.notes.forEach(warn);
  await ending.inFolder('--out', options.out, () =>
    ending.patiently(async () => {
      const engines = new Engines(options);
      const raceOf = (isLast: boolean) => (engine: Engine) => {
        const { signal } = ending;
        const mostBytes = engine.adapter.kind === 'hardware' ? Number.POSITIVE_INFINITY : freemem();
        return raceOn(engine, ending, model, data, options, { ...options, topK, mostBytes, signal }, isLast);
      };
      try {
        await engines.open();
        // Entrants of which some trained elsewhere would not have had the same turns.
        await onceMore(engines, raceOf(false), () => 'from the start', raceOf(true));
      } finally {
        await engines.dispose();
      }
    }),
  );
}

/** @param isLast whether its curves are told of where its device is lost: else that is left to the caller. */
async function raceOn(
  engine: Engine,
  ending: Ending,
  model: Model,
  data: PreparedImage,
  options: RaceOptions,
  settings: RaceSettings,
  isLast: boolean,
): Promise<void> {
  const { signal, steps } = settings;
  const words = { size: `${data.width}x${data.height}`, data: 'image' };
  const anyPreconditioned = options.runs.some(({ entrant }) => entrant.combine !== undefined);
  requireFits(engine, model, { ...options, preconditioner: anyPreconditioned ? 'seppgd' : 'none' }, words);
  const task = imageTask(model, data);
  const started = await Race.start(engine, task, options.runs, settings).catch((error: unknown) => {
    if (error !== signal?.reason || !signal?.aborted) throw error;
    throw ending.stopped(`no step was made: to begin again: ${commandLine(ending.args)}`);
  });
  try {
    // What ends a race early leaves the curves so far.
    const failure = await runWith(started, options).then(
      () => undefined,
      (error: Error) => error,
    );
    if (!isLast && isDeviceLost(failure)) throw failure;
    const report = reportOf(engine.adapter, data, options, started.runs);
    await writeResults(report, options).catch((error: unknown) => {
      // What was trained is not lost with a full disk.
      print(options.json ? JSON.stringify(report) : summary(report, options));
      throw error;
    });
    const reached = Math.max(...report.runs.map(({ curve }) => curve.at(-1)?.step ?? 0));
    if (failure) throw new RunError(`${messageOf(failure)}: the curves so far are in ${report.files.results}`);
    if (signal?.aborted) {
      throw ending.stopped(
        `stopped at step ${reached} of ${steps}: the curves so far are in ${report.files.results}: to begin again: ${commandLine(ending.args)}`,
      );
    }
    for (const { name, failedAt } of report.runs) {
      if (failedAt !== undefined) warn(`${name}: the loss was not finite at step ${failedAt}`);
    }
    print(options.json ? JSON.stringify(report) : summary(report, options));
    if (report.runs.every(({ failedAt }) => failedAt !== undefined)) {
      throw new RunError('no entrant had a finite loss to the end: lower the rates of --runs, or --omega');
    }
  } finally {
    started.dispose();
  }
}

/** With a bar of the steps of all, and the curves so far in a file for whoever is killed. */
async function runWith(started: Race, options: RaceOptions): Promise<void> {
  const { runs, json, out } = options;
  const all = runs.reduce((sum, { entrant }) => sum + stepsOf(entrant, options), 0);
  const bar = startProgress('race', 0, all, json);
  const made = new Map<string, number>();
  const watch: RaceWatch = {
    moved(name, step, measured) {
      made.set(name, step);
      const sum = [...made.values()].reduce((all, one) => all + one, 0);
      bar.update(sum, measured && `${name}: ${measured.psnr.toFixed(2)} dB`);
    },
    // What cannot be written is told at the end, when there is more to tell.
    rounded: () => writeWhole(curvesSoFarIn(out), raceAsCsv(started.runs)).catch(() => {}),
  };
  try {
    await started.run(watch);
  } finally {
    bar.stop();
  }
}

/** Beside the results of a race before, which stay whole until this one ends. */
function curvesSoFarIn(folder: string): string {
  return join(folder, 'race.partial.csv');
}

function curvesIn(folder: string): string {
  return join(folder, 'race.csv');
}

function reportOf(
  adapter: AdapterReport,
  { width, height, planes, heldOut }: PreparedImage,
  options: RaceOptions,
  runs: readonly RaceRun[],
): RaceReport {
  const { out, json: _, target, ...settings } = options;
  const targets = [...target].sort((a, b) => a - b);
  const files: Record<string, string> = {
    results: join(out, 'race.json'),
    curves: curvesIn(out),
    plot: join(out, 'race.svg'),
    ...(heldOut > 0 && { 'held out': join(out, 'held-out.svg') }),
  };
  const results = resultsOf(runs, targets);
  return { adapter, shape: [height, width], channels: planes, settings, targets, results, runs, files };
}

async function writeResults(report: RaceReport, { rank, width }: RaceOptions): Promise<void> {
  const { shape, runs, files } = report;
  const title = `${shape[1]} x ${shape[0]}, R = ${rank}, W = ${width}`;
  await writeWhole(files.results, `${JSON.stringify(report, null, 2)}\n`);
  await writeWhole(files.curves, raceAsCsv(runs));
  await writeWhole(files.plot, racePlot(runs, title, 'psnr'));
  await rm(curvesSoFarIn(dirname(files.curves)), { force: true });
  if ('held out' in files) await writeWhole(files['held out'], racePlot(runs, title, 'psnrHeldOut'));
}

function summary({ adapter, shape, channels, targets, results, files }: RaceReport, options: RaceOptions): string {
  const { rank, width, steps, mask } = options;
  const db = (value: number | undefined) => value?.toFixed(2) ?? '-';
  const at = (reached: Reached | null) =>
    reached ? `${reached.seconds.toFixed(1)} s, ${Math.ceil(reached.step)}` : '-';
  const rows = results.map(result => {
    const { bestHeldOut: best, speedUp } = result;
    return [
      result.label,
      db(result.psnr),
      ...(mask > 0 ? [db(result.psnrHeldOut), best ? `${db(best.psnrHeldOut)} at ${best.step}` : '-'] : []),
      ...result.reached.map(at),
      result.msPerStep.toFixed(1),
      result.setupSeconds.toFixed(1),
      speedUp ? `${speedUp.atLeast ? 'at least ' : ''}${speedUp.times.toFixed(1)}` : '-',
    ];
  });
  const heldOut = mask > 0 ? ['held out dB', 'best held out'] : [];
  const reached = targets.map(target => `to ${target} dB`);
  const head = ['run', 'PSNR dB', ...heldOut, ...reached, 'ms/step', 'setup s', `times to ${middleOf(targets)} dB`];
  return [
    `${adapterLine(adapter)}, ${shape[1]} x ${shape[0]}, ${channels} channel${channels > 1 ? 's' : ''}, R = ${rank}, W = ${width}, ${steps} steps`,
    table(head, rows),
    "To a PSNR: seconds of training and steps; times: how many times sooner than the paper's SepPGD.",
    ...fileLines(files),
  ].join('\n');
}
