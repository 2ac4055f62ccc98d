/** `sepnn krr`: kernel ridge regression with the tangent kernels of models at their initial parameters. */

import { join } from 'node:path';
import { InputError } from '../../errors.js';
import { methods, modelOfMethod } from '../../experiments/krr/methods.js';
import { curvesAsCsv, type KrrAverage, krrPlot, meansOf, mediansOf } from '../../experiments/krr/results.js';
import { type KrrCase, type KrrRun, type KrrSettings, runKrr } from '../../experiments/krr/run.js';
import type { Rows } from '../../experiments/rows.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { RowFile } from '../../io/rowFile.js';
import { activations } from '../../model/codec.js';
import { networkPoints, networksOf, parameterCount } from '../../model/model.js';
import { groupingOf } from '../../precondition/grouping.js';
import type { Ending } from '../ending.js';
import { openQuietly } from '../engine.js';
import { startProgress } from '../progress.js';
import { print, table } from '../terminal.js';
import { requireMeaning, withoutIdle } from '../training/needs.js';
import { adapterLine, fileLines } from '../training/session.js';
import { Command } from '../vendor.js';
import { version } from '../version.js';
import { addKrrOptions, type KrrOptions, krrNeeds, requireConsistent } from './options.js';

export interface KrrReport {
  readonly adapter: AdapterReport;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Over the seeds: what is printed and plotted. */
  readonly means: readonly KrrAverage[];
  readonly medians: readonly KrrAverage[];
  readonly runs: readonly KrrRun[];
  readonly files: Readonly<Record<string, string>>;
}

export function krrCommand(ending: Ending): Command {
  return addKrrOptions(
    new Command('krr').description(
      "learn a function by kernel ridge regression on the gradients of a model's output at its initial parameters",
    ),
  ).action((options: KrrOptions, given: Command) => {
    requireMeaning(given, options, krrNeeds);
    return krr(ending, options);
  });
}

/** @throws InputError bad input, before the device is touched. @throws RunError a loss that is not finite. */
async function krr(ending: Ending, options: KrrOptions): Promise<void> {
  requireConsistent(options);
  await ending.inFolder('--out', options.out, async () => {
    const engine = await openQuietly(options.adapter, options.matrixUnits);
    try {
      requireFits(engine, options);
      const cases = casesOf(options);
      const { out, json, ...settings } = withoutIdle(options, krrNeeds);
      const rows = await RowFile.open(out, 'krr', { version, adapter: engine.adapter, settings });
      const runs = await ending.inRows(
        () => `${rows.count} of ${cases.length} runs are`,
        () => runsOf(engine, cases, options, rows, ending.signal),
      );
      const report = await writeResults(engine.adapter, options, runs);
      await rows.complete();
      print(json ? JSON.stringify(report) : summary(report, options));
    } finally {
      await engine.dispose();
    }
  });
}

/** @throws the signal's reason once that is aborted. */
async function runsOf(
  engine: Engine,
  cases: readonly KrrCase[],
  options: KrrOptions,
  rows: Rows,
  signal: AbortSignal,
): Promise<KrrRun[]> {
  const { steps, json } = options;
  const progress = startProgress(options.function, 0, cases.length * steps, json);
  const runs: KrrRun[] = [];
  for (const [i, one] of cases.entries()) {
    const headline = `${methods[one.method].label}, noise ${one.noise}, seed ${one.seed}`;
    const reached = (step: number) => {
      progress.update(i * steps + step, headline);
      signal.throwIfAborted();
    };
    reached(0);
    runs.push(await rows.of(JSON.stringify(one), () => runKrr(engine, one, settingsOf(options), reached)));
  }
  progress.update(cases.length * steps);
  progress.stop();
  return runs;
}

function settingsOf({ activation, ...options }: KrrOptions): KrrSettings {
  return { ...options, activation: activations[activation] };
}

/** @throws InputError what would not fit the device's limits, before anything is allocated. */
function requireFits({ device }: Engine, options: KrrOptions): void {
  const { points, rank, width, depth } = options;
  const most = device.mostBindingBytes;
  for (const method of options.methods) {
    const model = modelOfMethod(method, settingsOf(options));
    const [{ outputs }] = networksOf(model);
    const evaluated = networkPoints(model).reduce((sum, n) => sum + n, 0);
    const needs: [string, number][] = [
      [`--rank ${rank} --width ${width} --depth ${depth}: the parameters take`, parameterCount(model)],
      [`--points ${points} --width ${width}: a layer's activations take`, evaluated * (width + 1)],
      [`--points ${points} --rank ${rank}: the factors' tangents take`, evaluated * model.domain.axes * outputs],
    ];
    for (const [what, numbers] of needs) {
      if (numbers * 4 <= most) continue;
      throw new InputError(`${what} ${numbers * 4} bytes, and the adapter binds at most ${most}: use less`);
    }
    if (methods[method].modulated === 'all points') {
      groupingOf('msk', model, { topK: options.mskTopK, group: 1, remedy: 'use fewer' }, device);
    }
  }
}

/** Methods take turns, so that a machine that slows down does so for all. */
function casesOf({ noise: noises, seeds, methods: names }: KrrOptions): KrrCase[] {
  return noises.flatMap(noise =>
    Array.from({ length: seeds }, (_, seed) => names.map(method => ({ method, noise, seed }))).flat(),
  );
}

async function writeResults(adapter: AdapterReport, options: KrrOptions, runs: readonly KrrRun[]): Promise<KrrReport> {
  const { out, json: _, ...settings } = withoutIdle(options, krrNeeds);
  const [means, medians] = [meansOf, mediansOf].map(over => over(runs, options.within));
  const files: Record<string, string> = { results: join(out, 'results.json'), curves: join(out, 'curves.csv') };
  for (const noise of options.noise) {
    const title = `${options.function}, noise ${noise}, mean of ${options.seeds}`;
    for (const x of ['step', 'seconds'] as const) {
      const path = join(out, `${x}-noise-${noise}.svg`);
      files[`${x}, ${noise}`] = path;
      await writeWhole(
        path,
        krrPlot(
          means.filter(one => one.noise === noise),
          title,
          x,
        ),
      );
    }
  }
  const report: KrrReport = { adapter, settings, means, medians, runs, files };
  await writeWhole(files.curves, curvesAsCsv(runs));
  await writeWhole(files.results, `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

function summary({ adapter, means, files }: KrrReport, options: KrrOptions): string {
  const { points, seeds, steps, within } = options;
  // Where fewer steps were made than the best is asked of, all were.
  const spans: [number, 'bestWithin' | 'best'][] =
    within < steps
      ? [
          [within, 'bestWithin'],
          [steps, 'best'],
        ]
      : [[steps, 'best']];
  const rows = means.map(mean => [
    methods[mean.method].label,
    String(mean.noise),
    ...spans.flatMap(([last, best]) => [mean[best], testMseAt(mean, last)]).map(mse => mse.toExponential(2)),
    (1000 * mean.setupSeconds).toFixed(1),
    mean.msPerStep.toFixed(2),
  ]);
  const head = spans.flatMap(([last]) => [`best to ${last}`, `at ${last}`]);
  return [
    `${adapterLine(adapter)}, ${options.function}, ${points} x ${points} points; test MSE, means of ${seeds} seeds`,
    table(['method', 'noise', ...head, 'setup ms', 'ms/step'], rows),
    'Times in the curves include the setup, that is finding the preconditioner.',
    ...fileLines(files),
  ].join('\n');
}

function testMseAt({ curve }: KrrAverage, last: number): number {
  return curve.find(({ step }) => step === last)?.testMse ?? Number.NaN;
}
