/** `sepnn fit`: represents an image by a separable neural network. */

import { join } from 'node:path';
import { type PreparedImage, prepareImage } from '../../experiments/image/data.js';
import { type ImageMeasured, imageTask } from '../../experiments/image/task.js';
import type { FinishedRun, RunCosts, RunEnd } from '../../experiments/trainingRun.js';
import type { AdapterReport } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { besideEachOther, encodePng, pictureOf } from '../../io/image/picture.js';
import { bitsSetting } from '../../io/image/sampling.js';
import { linePlot } from '../../io/plot.js';
import { evaluate } from '../../model/evaluate.js';
import type { Model } from '../../model/model.js';
import type { Ending } from '../ending.js';
import { print, table, warn } from '../terminal.js';
import { requireMeaning, withoutIdle } from '../training/needs.js';
import { modelNeeds, requireConsistent, requireSubgrids } from '../training/options.js';
import { resumedFrom, savedAt } from '../training/resume.js';
import {
  adapterLine,
  costColumns,
  fileLines,
  nameOfRun,
  runRow,
  runSettingsOf,
  type SessionResult,
  trainingSession,
} from '../training/session.js';
import { topKOf } from '../training/topK.js';
import { Command } from '../vendor.js';
import { type Choice, choose, warmUpFor } from './choose.js';
import { modelFor } from './largest.js';
import {
  type AskedOptions,
  addFitOptions,
  type FitOptions,
  fitNeeds,
  requireEnds,
  requireShareable,
} from './options.js';
import { paceOf } from './pace.js';
import { recordedChoice } from './recorded.js';
import { endings, qualityOf, untilOf } from './until.js';
import { whyOf } from './why.js';

/** [step, PSNR]. */
type Curve = readonly (readonly [number, number])[];

/** Costs and figures of the model that was kept, which is the best by the validation where there is one. */
export interface RunReport extends RunCosts, ImageMeasured {
  readonly ended: RunEnd;
  readonly curve: Curve;
  readonly curveHeldOut?: Curve;
  readonly curveValidation?: Curve;
}

export interface FitReport {
  readonly adapter: AdapterReport;
  /** Rows and columns of the grid. */
  readonly shape: readonly [number, number];
  readonly channels: number;
  readonly settings: Readonly<Record<string, unknown>>;
  /** What of the settings nobody typed, where it comes from, and the line that says so. */
  readonly choice: Pick<Choice, 'by' | 'names'> & { readonly why: string };
  readonly runs: readonly RunReport[];
  readonly files: Readonly<Record<string, string>>;
}

type FitRun = FinishedRun<ImageMeasured>;

export function fitCommand(ending: Ending): Command {
  const command = new Command('fit')
    .description('represent an image by a separable neural network')
    .argument('<image>');
  return addFitOptions(command).action((image: string, options: AskedOptions, given: Command) =>
    fit(ending, image, options, given),
  );
}

/** @throws InputError bad input, before the device is touched. @throws RunError for a loss that is not finite, after what is good was written. */
async function fit(ending: Ending, image: string, asked: AskedOptions, given: Command): Promise<void> {
  const isTyped = (name: string) => given.getOptionValueSource(name) === 'cli';
  requireConsistent(asked, 2);
  requireShareable(asked);
  requireEnds(asked);
  const saved = await savedAt(asked.resume);
  const data = await prepareImage(image, asked);
  const { width, height } = data;
  const choice = choose(asked, isTyped, data, saved && recordedChoice(given, `${asked.resume}`, saved.training));
  const { options } = choice;
  requireMeaning(given, options, { ...modelNeeds, ...fitNeeds });
  requireConsistent(options, 2);
  requireShareable(options);
  requireSubgrids(options, [height, width]);
  const model = modelFor(data, options);
  const topK = topKOf(model.domain.shape, options, choice.usualTopK);
  const settled = withoutIdle({ ...options, topK, size: { width, height }, [bitsSetting]: data.bits }, fitNeeds);
  const resume = resumedFrom(saved, model, settled);
  const words = { size: `${width}x${height}`, data: 'image' };
  data.notes.forEach(warn);
  const timed = resume ? undefined : options.seconds;
  let left = timed;
  let why = '';
  await trainingSession<ImageMeasured>(
    ending,
    {
      ...{ model, topK, resume, words },
      until: final => untilOf(final as FitOptions, left),
      async settle(engine, task, before) {
        const { preconditioner } = before;
        const run = runSettingsOf<ImageMeasured>(before, model.domain.shape, preconditioner, topK);
        const pace = timed === undefined ? undefined : await paceOf(engine, task, run, timed);
        left = pace?.seconds;
        const isWarmed = choice.by === 'table' && before.warmUp !== undefined && !isTyped('warmUp');
        const paced = pace && { steps: pace.steps, ...(isWarmed && { warmUp: warmUpFor(pace.steps) }) };
        const final = { ...before, ...paced } as FitOptions;
        why = whyOf(choice, final, data, model);
        if (!options.json && why !== '') warn(why);
        return final;
      },
    },
    settled,
    () => imageTask(model, data),
    async result => {
      const report = await writeResults(result, model, data, { by: choice.by, names: choice.names, why });
      print(options.json ? JSON.stringify(report) : summary(report, result.runs));
    },
  );
}

/** What says how it went first, the pictures after. */
async function writeResults(
  { engine, adapter, options, runs, models }: SessionResult<ImageMeasured>,
  model: Model,
  { width, height, planes, clean, bits }: PreparedImage,
  choice: FitReport['choice'],
): Promise<FitReport> {
  const { out, json: _, ...settings } = options;
  const files = {
    reconstruction: join(out, 'reconstruction.png'),
    curves: join(out, 'curves.svg'),
    metrics: join(out, 'metrics.json'),
    ...models,
  };
  const outputs = [clean];
  for (const { state } of runs) outputs.push(await evaluate(engine, model, state.parameters));
  const pictures = outputs.map(numbers => pictureOf(numbers, width, height, bits));
  const report: FitReport = {
    adapter,
    shape: [height, width],
    channels: planes,
    settings,
    choice,
    runs: runs.map(({ costs, ended, measured, reports }) => {
      const curveOf = (of: (reported: ImageMeasured) => number | undefined): Curve =>
        reports.map(([step, reported]) => [step, of(reported) as number]);
      return {
        ...costs,
        ended,
        ...measured,
        curve: curveOf(({ psnr }) => psnr),
        ...(measured.psnrHeldOut !== undefined && { curveHeldOut: curveOf(({ psnrHeldOut }) => psnrHeldOut) }),
        ...(measured.psnrValidation !== undefined && {
          curveValidation: curveOf(({ psnrValidation }) => psnrValidation),
        }),
      };
    }),
    files,
  };
  await writeWhole(files.metrics, `${JSON.stringify(report, null, 2)}\n`);
  await writeWhole(files.reconstruction, await encodePng(besideEachOther(pictures)));
  await writeWhole(files.curves, curvesOf(report));
  return report;
}

function curvesOf({ runs, shape }: FitReport): string {
  const lines = runs.flatMap(({ preconditioner, curve, curveHeldOut, curveValidation }) => {
    const name = nameOfRun(preconditioner);
    return [
      { name, points: curve },
      ...(curveHeldOut ? [{ name: `${name}, held out`, points: curveHeldOut }] : []),
      ...(curveValidation ? [{ name: `${name}, validation`, points: curveValidation }] : []),
    ];
  });
  return linePlot(lines, { title: `${shape[1]} x ${shape[0]}`, x: 'step', y: 'PSNR (dB)' });
}

function summary({ adapter, shape, channels, settings, files }: FitReport, runs: readonly FitRun[]): string {
  const others = (['psnrValidation', 'psnrHeldOut'] as const).filter(name => runs[0].measured[name] !== undefined);
  const rows = runs.map(run => {
    const { measured } = run;
    return runRow(
      run,
      [measured.psnr, ...others.map(name => measured[name] as number)].map(psnr => psnr.toFixed(2)),
    );
  });
  const words = { psnrValidation: 'validation dB', psnrHeldOut: 'held out dB' };
  const head = ['run', 'steps', 'PSNR dB', ...others.map(name => words[name]), ...costColumns];
  return [
    `${adapterLine(adapter)}, ${shape[1]} x ${shape[0]}, ${channels} channel${channels > 1 ? 's' : ''}`,
    table(head, rows),
    ...runs.flatMap(run => endLines(run, settings)),
    ...fileLines(files),
  ].join('\n');
}

/** What is kept of a run that a validation judged, whether it came to the quality that was asked for, and whether the clock ended it. */
export function endLines(
  { costs, ended, measured, state, validated, stopped }: FitRun,
  { quality, steps }: FitReport['settings'],
): string[] {
  const name = nameOfRun(costs.preconditioner);
  const lines: string[] = [];
  if (validated && !stopped) {
    const early = ended.by === endings.patience ? ', where nothing better came for long' : '';
    lines.push(
      `${name}: the best by its validation, of step ${state.step}, is kept; the run ended at ${ended.step}${early}`,
    );
  }
  if (quality !== undefined) {
    const reached = ended.by === endings.quality ? 'reached' : 'not reached';
    const when = `at step ${ended.step} after ${costs.seconds.toFixed(1)} s`;
    lines.push(`${name}: --quality ${quality}: ${reached}: ${qualityOf(measured).toFixed(2)} dB ${when}`);
  }
  if (ended.by === endings.seconds) {
    lines.push(`${name}: its seconds were over at step ${ended.step} of ${steps}`);
  }
  return lines;
}
