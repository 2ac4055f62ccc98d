/** One training run of `sepnn fit`: steps in submits of a good length, a report now and then, the last good model kept. */

import { DivergedError, RunError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import type { SeparableModel } from '../separable/model.js';
import { Trainer, type TrainerState } from '../train/trainer.js';
import type { FitData } from './fitData.js';
import type { FitOptions } from './fitOptions.js';
import { startProgress } from './progress.js';

export interface RunReport {
  readonly preconditioner: 'none' | 'seppgd';
  readonly steps: number;
  /** Training alone, reports left out. */
  readonly seconds: number;
  /** Of the submits after the first two, in which a driver may still compile. */
  readonly msPerStep: number;
  /** One refresh of the preconditioner by itself, with the forward pass that it starts from. */
  readonly refreshMs: number;
  readonly loss: number;
  /** Mean squared error and PSNR against the image itself, over the numbers trained on. */
  readonly mse: number;
  readonly psnr: number;
  readonly psnrHeldOut?: number;
  /** [step, PSNR]. */
  readonly curve: readonly (readonly [number, number])[];
  /** k as asked and as used by the last refresh, the least of all axes; and how many eigenpairs float32 resolves. */
  readonly topK: { readonly asked: number; readonly used: number; readonly resolved: number };
  /** Device memory that the run held. */
  readonly gpuBytes: number;
}

export interface FinishedRun {
  readonly report: RunReport;
  /** The model's output, channel by channel. */
  readonly output: Float32Array;
  readonly state: TrainerState;
  /** What ended the run early, with the last good state above. */
  readonly failure?: DivergedError;
}

/** A submit lasts about so long: long enough to cost nothing, short enough for a progress bar and a GPU's watchdog. */
const submitMilliseconds = 250;
const mostStepsInSubmit = 1024;
/** Their time is the driver's as much as the steps'. */
const firstSubmits = 2;

export interface RunSettings {
  readonly preconditioner: 'none' | 'seppgd';
  readonly topK: number;
  readonly quiet: boolean;
  readonly resume?: TrainerState | undefined;
}

export async function runFit(
  engine: Engine,
  model: SeparableModel,
  data: FitData,
  options: FitOptions,
  { preconditioner, topK, quiet, resume }: RunSettings,
): Promise<FinishedRun> {
  const before = engine.memory.bytes;
  const trainer = await Trainer.create(engine, {
    model,
    target: data.target,
    evaluations: data.evaluations,
    optimiser: { rate: options.lr, decay: options.weightDecay },
    refresh: options.refresh,
    seed: options.seed,
    tune: options.tune,
    ...(preconditioner === 'seppgd' && {
      preconditioner: {
        top: topK,
        combination: options.combine,
        modulation: options.modulation,
        meanOfLogits: true,
      },
    }),
  });
  const gpuBytes = engine.memory.bytes - before;
  if (resume) trainer.restore(resume);
  const progress = startProgress(preconditioner === 'none' ? 'plain  ' : 'SepPGD ', trainer.step, options.steps, quiet);
  const curve: [number, number][] = [];
  const submits: { readonly count: number; readonly took: number }[] = [];
  let evaluation = await evaluate(trainer, data).catch(error => {
    if (!(error instanceof DivergedError)) throw error;
    throw new RunError(`the loss is ${error.loss} before the first step: lower --omega, --depth or --rank`);
  });
  let good = await trainer.state();
  let failure: DivergedError | undefined;
  curve.push([trainer.step, evaluation.psnr]);
  progress.update(trainer.step, evaluation.psnr);
  try {
    let chunk = 1;
    while (trainer.step < options.steps) {
      const nextReport = Math.min(
        options.steps,
        (Math.floor(trainer.step / options.reportEvery) + 1) * options.reportEvery,
      );
      const count = Math.min(chunk, nextReport - trainer.step, mostStepsInSubmit);
      const start = performance.now();
      await trainer.advance(count);
      const took = performance.now() - start;
      submits.push({ count, took });
      chunk = Math.max(1, Math.round((submitMilliseconds * count) / took));
      progress.update(trainer.step, undefined);
      if (trainer.step < nextReport) continue;
      evaluation = await evaluate(trainer, data);
      good = await trainer.state();
      curve.push([trainer.step, evaluation.psnr]);
      progress.update(trainer.step, evaluation.psnr);
    }
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    failure = error;
    trainer.restore(good);
    evaluation = await evaluate(trainer, data);
  }
  progress.stop();
  const output = await trainer.render();
  const spectra = (await trainer.spectra()) ?? [];
  const refreshMs = failure ? 0 : await trainer.timeRefresh();
  trainer.dispose();
  const report: RunReport = {
    preconditioner,
    steps: good.step,
    seconds: submits.reduce((sum, { took }) => sum + took, 0) / 1000,
    msPerStep: msPerStepOf(submits.length > firstSubmits ? submits.slice(firstSubmits) : submits),
    refreshMs,
    loss: evaluation.loss,
    mse: evaluation.mse,
    psnr: evaluation.psnr,
    ...(evaluation.psnrHeldOut !== undefined && { psnrHeldOut: evaluation.psnrHeldOut }),
    curve,
    topK: {
      asked: preconditioner === 'none' ? 0 : topK,
      used: least(spectra.map(spectrum => spectrum.used)),
      resolved: least(spectra.map(spectrum => spectrum.resolved)),
    },
    gpuBytes,
  };
  return { report, output, state: good, ...(failure && { failure }) };
}

interface Evaluation {
  readonly loss: number;
  readonly mse: number;
  readonly psnr: number;
  readonly psnrHeldOut: number | undefined;
}

/** @throws DivergedError if the loss is not finite. */
async function evaluate(trainer: Trainer, { trained, heldOut }: FitData): Promise<Evaluation> {
  const { training, clean = training, heldOut: held } = await trainer.evaluate();
  const mse = (2 * clean) / trained;
  return {
    loss: training,
    mse,
    psnr: psnrOf(mse),
    psnrHeldOut: held === undefined ? undefined : psnrOf((2 * held) / heldOut),
  };
}

function msPerStepOf(submits: readonly { readonly count: number; readonly took: number }[]): number {
  const steps = submits.reduce((sum, { count }) => sum + count, 0);
  return steps === 0 ? 0 : submits.reduce((sum, { took }) => sum + took, 0) / steps;
}

/** The least of the numbers; 0 where there are none. */
function least(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : Math.min(...numbers);
}

export function psnrOf(mse: number): number {
  return 10 * Math.log10(1 / mse);
}
