/** One training run as reports have it: a task trained with given settings, timed, with its output and its costs. */

import type { DivergedError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import type { Numbers } from '../host/arrays.js';
import type { Optimiser } from '../optimiser/optimiser.js';
import type { Preconditioner } from '../precondition/preconditioner.js';
import type { Batches } from '../train/batches.js';
import { type Best, type Kept, type Run, runTraining, type Until } from '../train/runTraining.js';
import { Trainer, type TrainerState } from '../train/trainer.js';
import type { TrainerOptions } from '../train/trainerOptions.js';

/** What a report says of a model: its loss against what it is trained on, and whatever the task judges it by. */
export interface Measured {
  readonly loss: number;
}

/** What is trained, and how it is judged. */
export interface TrainingTask<M extends Measured> extends Pick<TrainerOptions, 'model' | 'evaluations' | 'objective'> {
  readonly target: Numbers | ((from: number, to: number) => Float32Array);
  /** Of the present parameters. @throws DivergedError if the loss is not finite. */
  measure(trainer: Trainer): Promise<M>;
  /** What a progress bar shows of it. */
  headline(measured: M): string;
  /** The loss on what is not trained on: by it the best state is told, and that is the one that is kept at the end. */
  validation?(measured: M): number;
}

export interface RunSettings<M> {
  readonly optimiser: Optimiser;
  /** Plain gradients where it is absent. */
  readonly preconditioner?: Preconditioner | undefined;
  /** Of the grid, that steps take in turn. */
  readonly batches?: Batches;
  /** k as it was asked for, for the report. */
  readonly topK?: 'auto' | number;
  readonly steps: number;
  readonly reportEvery: number;
  readonly seed: number;
  readonly tune?: boolean;
  readonly resume?: TrainerState | undefined;
  /** The best of the steps made before. */
  readonly best?: Best | undefined;
  /** Seconds from one save to the next. */
  readonly saveEvery?: number;
  /** Ends the run after a submit. */
  readonly signal?: AbortSignal;
  readonly until?: Until<M> | undefined;
}

/** Told what happens in a run. */
export interface Watch<M> {
  /** The trainer is ready, its k chosen. */
  started?(trainer: Trainer): void;
  progress?(step: number, measured?: M): void;
  /** Puts a state where a later run finds it, as of `runTraining`. */
  save?(last: Kept<M>, best: Best | undefined): Promise<void>;
}

/** k: how many eigenpairs are modulated. */
export interface TopKReport {
  /** 0 for a plain run. */
  readonly asked: 'auto' | number;
  /** For each axis, as asked or chosen; none for a plain run. */
  readonly chosen: readonly number[];
  /** By the last refresh, the least of all axes. */
  readonly used: number;
  /** How many float32 resolves, the least of all axes. */
  readonly resolved: number;
}

/** What a run took. */
export interface RunCosts {
  /** Its name; 'none' for a plain run. */
  readonly preconditioner: string;
  readonly steps: number;
  /** Training alone, reports left out. */
  readonly seconds: number;
  readonly msPerStep: number;
  /** One refresh of the preconditioner by itself, with the forward pass that it starts from. */
  readonly refreshMs: number;
  readonly topK: TopKReport;
  /** Device memory that the run held. */
  readonly gpuBytes: number;
}

/** Where a run ended, and why: all steps made, a signal, a loss that is not finite, or a word of `until`. */
export interface RunEnd {
  readonly step: number;
  readonly by: string;
}

export interface FinishedRun<M extends Measured> {
  readonly costs: RunCosts;
  readonly ended: RunEnd;
  /** Every report, with the step it was made at, from the start. */
  readonly reports: readonly (readonly [step: number, measured: M])[];
  /** Of the model that was kept: the best by the validation where there is one, else the last. */
  readonly measured: M;
  /** The loss by which its state is judged against others: the validation's where there is one. */
  readonly reached: number;
  readonly validated: boolean;
  readonly state: TrainerState;
  /** Of the report of the least loss, or the least of the validation. */
  readonly best: Best;
  /** Whether the signal ended the run before all steps were made. */
  readonly stopped: boolean;
  /** What ended the run early, with the last good state above. */
  readonly failure?: DivergedError;
}

/** The loss by which a state is judged. */
export function reachedBy<M extends Measured>({ validation }: TrainingTask<M>, measured: M): number {
  return validation?.(measured) ?? measured.loss;
}

export function trainerOf<M extends Measured>(
  engine: Engine,
  { model, target, evaluations, objective }: TrainingTask<M>,
  { optimiser, preconditioner, batches, seed, tune = false }: RunSettings<M>,
): Promise<Trainer> {
  return Trainer.create(engine, {
    model,
    target,
    optimiser,
    seed,
    tune,
    ...(evaluations && { evaluations }),
    ...(objective && { objective }),
    ...(preconditioner && { preconditioner }),
    ...(batches && { batches }),
  });
}

/** @throws RunError where the loss is not finite before the first step. */
export async function trainingRun<M extends Measured>(
  engine: Engine,
  task: TrainingTask<M>,
  settings: RunSettings<M>,
  watch: Watch<M> = {},
): Promise<FinishedRun<M>> {
  const { preconditioner, topK = 0, steps, reportEvery, resume } = settings;
  const before = engine.memory.bytes;
  const trainer = await trainerOf(engine, task, settings);
  try {
    const gpuBytes = engine.memory.bytes - before;
    if (resume) await trainer.restore(resume);
    watch.started?.(trainer);
    const run = await runTraining(trainer, {
      steps,
      reportEvery,
      measure: task.measure,
      loss: measured => reachedBy(task, measured),
      signal: settings.signal,
      best: settings.best,
      ...(settings.saveEvery !== undefined && { saveEvery: settings.saveEvery }),
      until: settings.until,
      ...(watch.progress && { progress: watch.progress }),
      ...(watch.save && { save: watch.save }),
    });
    const ended = { step: run.failure?.step ?? trainer.step, by: endOf(run) };
    const best = run.best ?? { state: run.state, loss: run.measured.loss };
    // One that was stopped is to go on from its last.
    const validated = task.validation !== undefined;
    const keepsBest = validated && !run.stopped && best.state !== run.state;
    if (keepsBest) await trainer.restore(best.state);
    const { state, measured } = keepsBest ? { state: best.state, measured: await task.measure(trainer) } : run;
    const spectra = (await trainer.spectra()) ?? [];
    const costs: RunCosts = {
      preconditioner: preconditioner?.name ?? 'none',
      steps: state.step,
      seconds: run.seconds,
      msPerStep: run.msPerStep,
      refreshMs: run.failure || run.stopped ? 0 : await trainer.timeRefresh(),
      topK: {
        asked: topK,
        chosen: trainer.preconditioner?.topK ?? [],
        used: least(spectra.map(spectrum => spectrum.used)),
        resolved: least(spectra.map(spectrum => spectrum.resolved)),
      },
      gpuBytes,
    };
    const { reports, stopped, failure } = run;
    const reached = reachedBy(task, measured);
    const result = { costs, ended, reports, measured, reached, validated, state, best, stopped };
    return { ...result, ...(failure && { failure }) };
  } finally {
    trainer.dispose();
  }
}

function endOf<M>({ failure, stopped, ended = 'steps' }: Run<M>): string {
  if (failure) return 'failure';
  return stopped ? 'signal' : ended;
}

/** The least of the numbers; 0 where there are none. */
function least(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : Math.min(...numbers);
}
