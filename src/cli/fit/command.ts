/** `sepnn fit`: represents an image by a separable neural network. */

import { join } from 'node:path';
import { type PreparedImage, prepareImage } from '../../experiments/image/data.js';
import { type ImageMeasured, imageTask } from '../../experiments/image/task.js';
import type { FinishedRun, RunCosts } from '../../experiments/trainingRun.js';
import type { AdapterReport } from '../../graph/engine.js';
import { requireWritableFolder, writeWhole } from '../../io/files.js';
import { besideEachOther, encodePng, pictureOf } from '../../io/image/picture.js';
import { writeModel } from '../../io/model/modelFile.js';
import { linePlot } from '../../io/plot.js';
import type { Model } from '../../model/model.js';
import { print, table } from '../terminal.js';
import { modelOf, resumedState, topKOf } from '../training/model.js';
import { requireConsistent } from '../training/options.js';
import { adapterLine, costColumns, fileLines, nameOfRun, runRow, trainingSession } from '../training/session.js';
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

export function fitCommand(): Command {
  const command = new Command('fit')
    .description('represent an image by a separable neural network')
    .argument('<image>');
  return addFitOptions(command).action(fit);
}

/** @throws InputError bad input, before the device is touched. @throws RunError for a loss that is not finite, after what is good was written. */
async function fit(image: string, options: FitOptions): Promise<void> {
  requireConsistent(options, 2);
  requireShareable(options);
  const data = await prepareImage(image, options);
  const { width, height, planes } = data;
  const model = modelOf([height, width], planes, options, options.channels === 'shared');
  const topK = topKOf(model.domain.shape, options, fitDefaults.topK);
  const resume = await resumedState(model, options);
  await requireWritableFolder('--out', options.out);
  const words = { size: `${width}x${height}`, data: 'image' };
  const settings = { model, topK, resume, words };
  await trainingSession(
    settings,
    options,
    () => imageTask(model, data),
    async (adapter, runs) => {
      const report = await writeResults(adapter, model, data, { ...options, topK }, runs);
      print(options.json ? JSON.stringify(report) : summary(report, runs));
    },
  );
}

async function writeResults(
  adapter: AdapterReport,
  model: Model,
  { width, height, planes, clean }: PreparedImage,
  { out, json: _, ...settings }: FitOptions,
  runs: readonly FitRun[],
): Promise<FitReport> {
  const files = {
    reconstruction: join(out, 'reconstruction.png'),
    curves: join(out, 'curves.svg'),
    metrics: join(out, 'metrics.json'),
    model: join(out, 'model.safetensors'),
  };
  const pictures = [clean, ...runs.map(run => run.output)].map(numbers => pictureOf(numbers, width, height));
  const report: FitReport = {
    adapter,
    shape: [height, width],
    channels: planes,
    settings: { ...settings, size: { width, height } },
    runs: runs.map(({ costs, measured, reports }) => ({
      ...costs,
      ...measured,
      curve: reports.map(([step, { psnr }]) => [step, psnr]),
    })),
    files,
  };
  await writeWhole(files.reconstruction, await encodePng(besideEachOther(pictures)));
  await writeWhole(files.curves, curvesOf(report));
  const { state } = runs.at(-1) as FitRun;
  await writeModel(files.model, { model, state, training: report.settings });
  await writeWhole(files.metrics, `${JSON.stringify(report, null, 2)}\n`);
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
