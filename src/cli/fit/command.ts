/** `sepnn fit`: represents an image by a separable neural network. */

import { join } from 'node:path';
import { type PreparedImage, prepareImage } from '../../experiments/image/data.js';
import { type ImageMeasured, imageTask } from '../../experiments/image/task.js';
import type { FinishedRun, RunCosts } from '../../experiments/trainingRun.js';
import type { AdapterReport } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { besideEachOther, encodePng, pictureOf } from '../../io/image/picture.js';
import { bitsSetting } from '../../io/image/sampling.js';
import { linePlot } from '../../io/plot.js';
import type { Ending } from '../ending.js';
import { print, table, warn } from '../terminal.js';
import { modelOf } from '../training/model.js';
import { requireConsistent } from '../training/options.js';
import { resumedFrom } from '../training/resume.js';
import {
  adapterLine,
  costColumns,
  fileLines,
  nameOfRun,
  runRow,
  type SessionResult,
  trainingSession,
} from '../training/session.js';
import { topKOf } from '../training/topK.js';
import { Command } from '../vendor.js';
import { addFitOptions, type FitOptions, fitDefaults, requireShareable } from './options.js';

export interface RunReport extends RunCosts, ImageMeasured {
  /** [step, PSNR]. */
  readonly curve: readonly (readonly [number, number])[];
}

export interface FitReport {
  readonly adapter: AdapterReport;
  /** Rows and columns of the grid. */
  readonly shape: readonly [number, number];
  readonly channels: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly RunReport[];
  readonly files: Readonly<Record<string, string>>;
}

type FitRun = FinishedRun<ImageMeasured>;

export function fitCommand(ending: Ending): Command {
  const command = new Command('fit')
    .description('represent an image by a separable neural network')
    .argument('<image>');
  return addFitOptions(command).action((image: string, options: FitOptions) => fit(ending, image, options));
}

/** @throws InputError bad input, before the device is touched. @throws RunError for a loss that is not finite, after what is good was written. */
async function fit(ending: Ending, image: string, options: FitOptions): Promise<void> {
  requireConsistent(options, 2);
  requireShareable(options);
  const data = await prepareImage(image, options);
  const { width, height, planes } = data;
  const model = modelOf([height, width], planes, options, options.channels === 'shared');
  const topK = topKOf(model.domain.shape, options, fitDefaults.topK);
  const settled = { ...options, topK, size: { width, height }, [bitsSetting]: data.bits };
  const resume = await resumedFrom(model, settled);
  const words = { size: `${width}x${height}`, data: 'image' };
  data.notes.forEach(warn);
  await trainingSession(
    ending,
    { model, topK, resume, words },
    settled,
    () => imageTask(model, data),
    async result => {
      const report = await writeResults(result, data, settled);
      print(options.json ? JSON.stringify(report) : summary(report, result.runs));
    },
  );
}

/** What says how it went first, the pictures after. */
async function writeResults(
  { adapter, runs, models }: SessionResult<ImageMeasured>,
  { width, height, planes, clean, bits }: PreparedImage,
  { out, json: _, ...settings }: FitOptions,
): Promise<FitReport> {
  const files = {
    reconstruction: join(out, 'reconstruction.png'),
    curves: join(out, 'curves.svg'),
    metrics: join(out, 'metrics.json'),
    ...models,
  };
  const pictures = [clean, ...runs.map(run => run.output)].map(numbers => pictureOf(numbers, width, height, bits));
  const report: FitReport = {
    adapter,
    shape: [height, width],
    channels: planes,
    settings,
    runs: runs.map(({ costs, measured, reports }) => ({
      ...costs,
      ...measured,
      curve: reports.map(([step, { psnr }]) => [step, psnr]),
    })),
    files,
  };
  await writeWhole(files.metrics, `${JSON.stringify(report, null, 2)}\n`);
  await writeWhole(files.reconstruction, await encodePng(besideEachOther(pictures)));
  await writeWhole(files.curves, curvesOf(report));
  return report;
}

function curvesOf({ runs, shape }: FitReport): string {
  const lines = runs.map(({ preconditioner, curve }) => ({ name: nameOfRun(preconditioner), points: curve }));
  return linePlot(lines, { title: `${shape[1]} x ${shape[0]}`, x: 'step', y: 'PSNR (dB)' });
}

function summary({ adapter, shape, channels, files }: FitReport, runs: readonly FitRun[]): string {
  const heldOut = runs.some(({ measured }) => measured.psnrHeldOut !== undefined);
  const rows = runs.map(run => {
    const { psnr, psnrHeldOut = Number.NaN } = run.measured;
    return runRow(run, [psnr.toFixed(2), ...(heldOut ? [psnrHeldOut.toFixed(2)] : [])]);
  });
  const head = ['run', 'steps', 'PSNR dB', ...(heldOut ? ['held out dB'] : []), ...costColumns];
  return [
    `${adapterLine(adapter)}, ${shape[1]} x ${shape[0]}, ${channels} channel${channels > 1 ? 's' : ''}`,
    table(head, rows),
    ...fileLines(files),
  ].join('\n');
}
