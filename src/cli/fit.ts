/** `sepnn fit`: represents an image by a separable neural network. */

import { join } from 'node:path';
import { InputError, RunError } from '../errors.js';
import { architecture } from '../factor/network.js';
import { Random } from '../factor/random.js';
import type { AdapterReport, Engine } from '../graph/engine.js';
import { requireWritableFolder, writeWhole } from '../io/files.js';
import { besideEachOther, encodePng, fromPlanes } from '../io/image.js';
import { readModel, writeModel } from '../io/modelFile.js';
import { linePlot } from '../io/plot.js';
import { recallTuning, rememberTuning } from '../io/tuning.js';
import { openEngine } from '../node.js';
import { axisOutputs, cpModel, parameterCount, type SeparableModel, ttModel, tuckerModel } from '../separable/model.js';
import type { TrainerState } from '../train/trainer.js';
import { type FitData, loadFitData } from './fitData.js';
import { addFitOptions, type FitOptions, requireConsistent } from './fitOptions.js';
import { type FinishedRun, type RunReport, runFit } from './fitRun.js';
import { print, table, warn } from './terminal.js';
import { Command } from './vendor.js';

export interface FitReport {
  readonly adapter: AdapterReport;
  /** Rows and columns of the grid. */
  readonly shape: readonly [number, number];
  readonly channels: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly RunReport[];
  readonly files: Readonly<Record<string, string>>;
}

export function fitCommand(): Command {
  const command = new Command('fit')
    .description('represent an image by a separable neural network')
    .argument('<image>');
  return addFitOptions(command).action(async (image: string, options: FitOptions) => {
    requireConsistent(options);
    await fit(image, options);
  });
}

/** @throws InputError bad input, before the device is touched. @throws RunError for a loss that is not finite, after what is good was written. */
async function fit(image: string, options: FitOptions): Promise<void> {
  const data = await loadFitData(image, options);
  const model = modelOf(data, options);
  const topK = topKOf(data, options);
  const resume = options.resume === undefined ? undefined : await resumedState(options.resume, model, options);
  await requireWritableFolder('--out', options.out);
  const engine = await openEngine({ adapter: options.adapter });
  try {
    if (options.tune) await recallTuning(engine);
    requireFits(engine, model, options);
    const kinds = options.compare ? (['none', 'seppgd'] as const) : [options.preconditioner];
    const runs: FinishedRun[] = [];
    for (const preconditioner of kinds) {
      const run = await runFit(engine, model, data, options, { preconditioner, topK, quiet: options.json, resume });
      runs.push(run);
      if (run.failure) break;
    }
    const report = await writeResults(engine.adapter, model, data, options, topK, runs);
    print(options.json ? JSON.stringify(report) : summary(report));
    if (options.tune) await rememberTuning(engine);
    const last = runs.at(-1) as FinishedRun;
    if (!last.failure) warnAboutResolution(report);
    else {
      const { loss, step } = last.failure;
      throw new RunError(
        `the loss became ${loss} at step ${step}: lower --lr ${options.lr} or --top-k ${topK}; the model of step ${last.report.steps} was kept`,
      );
    }
  } finally {
    await engine.dispose();
  }
}

function modelOf({ width, height, channels }: FitData, options: FitOptions): SeparableModel {
  const frequencies = options.fourier === undefined ? [] : fourierFrequencies(options.fourier, options);
  const network = architecture({
    width: options.width,
    depth: options.depth,
    activation: options.activation,
    frequencies,
    ...(options.omega !== undefined && { omega: options.omega }),
  });
  const common = { grid: [height, width], channels, network };
  const { model, rank } = options;
  if (model === 'tt') return ttModel({ ...common, ranks: rank });
  if (model === 'tucker') return tuckerModel({ ...common, ranks: rank });
  return cpModel({ ...common, rank: rank as number });
}

/** As many sines and cosines together as the networks are wide. */
function fourierFrequencies(sigma: number, { width, seed }: FitOptions): number[] {
  const random = new Random(seed ^ 0x666f7572);
  return Array.from({ length: Math.ceil(width / 2) }, () => sigma * random.normal());
}

/** @throws InputError a k that an axis does not have. */
function topKOf({ width, height }: FitData, options: FitOptions): number {
  const points = Math.min(width, height);
  const { topK = Math.max(1, Math.min(70, Math.floor(points / 2))) } = options;
  if (topK > points) {
    throw new InputError(`--top-k ${topK}: the shorter axis has ${points} points: use 1 to ${points}`);
  }
  return topK;
}

/** @throws InputError what would not fit the device's limits, before anything is allocated. */
function requireFits({ device }: Engine, model: SeparableModel, options: FitOptions): void {
  const [height, width] = model.grid;
  const widest = Math.max(options.width + 1, ...axisOutputs(model));
  const needs: [string, number][] = [
    [
      `--rank ${options.rank} --width ${options.width} --depth ${options.depth}: the parameters take`,
      parameterCount(model),
    ],
    [`--size ${width}x${height}: the image takes`, model.channels * height * width],
    [
      `--size ${width}x${height} --width ${options.width}: a layer's activations take`,
      model.channels * (height + width) * widest,
    ],
    [`--size ${width}x${height}: the tangent kernels take`, model.channels * (height ** 2 + width ** 2)],
  ];
  const most = device.mostBindingBytes;
  for (const [what, numbers] of needs) {
    if (numbers * 4 > most) {
      throw new InputError(`${what} ${numbers * 4} bytes, and the adapter binds at most ${most}: use less`);
    }
  }
}

/** @throws InputError a file of another model, or one that has no steps left. */
async function resumedState(path: string, model: SeparableModel, options: FitOptions): Promise<TrainerState> {
  const saved = await readModel(path);
  const [there, here]: readonly Readonly<Record<string, unknown>>[] = [{ ...saved.model }, { ...model }];
  for (const key of ['kind', 'grid', 'scattered', 'channels', 'rank', 'ranks', 'scale', 'network']) {
    const [theirs, ours] = [JSON.stringify(there[key]), JSON.stringify(here[key])];
    if (theirs !== ours) {
      throw new InputError(`--resume ${path}: is another model: its ${key} is ${theirs}, and this fit's ${ours}`);
    }
  }
  if (saved.state.step >= options.steps) {
    throw new InputError(`--steps ${options.steps}: ${path} has made ${saved.state.step} steps: ask for more`);
  }
  return saved.state;
}

async function writeResults(
  adapter: AdapterReport,
  model: SeparableModel,
  data: FitData,
  options: FitOptions,
  topK: number,
  runs: readonly FinishedRun[],
): Promise<FitReport> {
  const files = {
    reconstruction: join(options.out, 'reconstruction.png'),
    curves: join(options.out, 'curves.svg'),
    metrics: join(options.out, 'metrics.json'),
    model: join(options.out, 'model.safetensors'),
  };
  const { width, height } = data;
  const images = [data.clean, ...runs.map(run => run.output)].map(planes => fromPlanes(planes, width, height));
  const { out: _, json: __, ...settings } = options;
  const report: FitReport = {
    adapter,
    shape: [height, width],
    channels: data.channels,
    settings: { ...settings, topK, size: { width, height } },
    runs: runs.map(run => run.report),
    files,
  };
  await writeWhole(files.reconstruction, await encodePng(besideEachOther(images)));
  await writeWhole(files.curves, curvesOf(report));
  const last = runs.at(-1) as FinishedRun;
  await writeModel(files.model, { model, state: last.state, training: report.settings });
  await writeWhole(files.metrics, `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

function curvesOf({ runs, shape }: FitReport): string {
  const lines = runs.map(({ preconditioner, curve }) => ({ name: labelOf(preconditioner), points: curve }));
  return linePlot(lines, { title: `${shape[1]} x ${shape[0]}`, x: 'step', y: 'PSNR (dB)' });
}

function labelOf(preconditioner: RunReport['preconditioner']): string {
  return preconditioner === 'none' ? 'plain' : 'SepPGD';
}

function summary({ adapter, shape, channels, runs, files }: FitReport): string {
  const heldOut = runs.some(run => run.psnrHeldOut !== undefined);
  const rows = runs.map(run => [
    labelOf(run.preconditioner),
    String(run.steps),
    run.psnr.toFixed(2),
    ...(heldOut ? [(run.psnrHeldOut ?? Number.NaN).toFixed(2)] : []),
    run.loss.toPrecision(4),
    run.msPerStep.toFixed(1),
    run.preconditioner === 'none' ? '-' : run.refreshMs.toFixed(1),
    run.preconditioner === 'none' ? '-' : `${run.topK.used} of ${run.topK.asked}`,
    (run.gpuBytes / 2 ** 20).toFixed(1),
  ]);
  const head = [
    'run',
    'steps',
    'PSNR dB',
    ...(heldOut ? ['held out dB'] : []),
    'loss',
    'ms/step',
    'refresh ms',
    'k',
    'MiB',
  ];
  const where = Object.entries(files).map(([name, path]) => `${`${name}:`.padEnd(16)}${path}`);
  return [
    `${adapter.description || adapter.architecture} (${adapter.kind}), ${shape[1]} x ${shape[0]}, ${channels} channel${channels > 1 ? 's' : ''}`,
    table(head, rows),
    ...where,
  ].join('\n');
}

function warnAboutResolution({ runs }: FitReport): void {
  for (const { topK } of runs) {
    if (topK.asked > topK.resolved) {
      warn(`--top-k ${topK.asked} asks for more eigenpairs than float32 resolves here: ${topK.resolved} at the end`);
    }
  }
}
