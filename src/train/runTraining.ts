/** A training run: steps in submits of a good length, a report now and then, the last good state kept. */

import { type DivergedError, isDiverged, RunError } from '../errors.js';
import { historyLength } from './trainedParameters.js';
import type { Trainer, TrainerState } from './trainer.js';

export interface RunOptions<M> {
  /** Steps in all, those made before counted in. */
  readonly steps: number;
  /** Steps from one report to the next. */
  readonly reportEvery: number;
  /** What a report says of the present parameters. @throws DivergedError if their loss is not finite. */
  measure(trainer: Trainer): Promise<M>;
  /** Called after every submit, with what was measured where that was a report. */
  progress?(step: number, measured?: M): void;
}

export interface Run<M> {
  /** Every report, with the step it was made at, from the start. */
  readonly reports: readonly (readonly [step: number, measured: M])[];
  /** Of the state below. */
  readonly measured: M;
  /** The last good state: that after all steps, or of the last report before the loss was no longer finite. */
  readonly state: TrainerState;
  /** Training alone, reports left out. */
  readonly seconds: number;
  /** Of the submits after the first two, in which a driver may still compile. */
  readonly msPerStep: number;
  /** What ended the run early; the trainer then has the state above. */
  readonly failure?: DivergedError;
}

/** A submit lasts about so long: long enough to cost nothing, short enough for a progress bar and a GPU's watchdog. */
const submitMilliseconds = 250;
/** Their time is the driver's as much as the steps'. */
const firstSubmits = 2;

/**
 * Trains until `steps` have been made in all, or the loss is not finite any more.
 *
 * @throws RunError where the loss is not finite before the first step.
 */
export async function runTraining<M>(trainer: Trainer, options: RunOptions<M>): Promise<Run<M>> {
  const { steps, reportEvery, measure, progress = () => {} } = options;
  const submits: { readonly count: number; readonly took: number }[] = [];
  let measured = await measure(trainer).catch(error => {
    if (!isDiverged(error)) throw error;
    throw new RunError(`the loss is ${error.loss} before the first step: lower omega, the depth or the rank`);
  });
  let state: TrainerState = await trainer.state();
  let failure: DivergedError | undefined;
  const reports: [number, M][] = [[trainer.step, measured]];
  progress(trainer.step, measured);
  try {
    let chunk = 1;
    while (trainer.step < steps) {
      const nextReport = Math.min(steps, (Math.floor(trainer.step / reportEvery) + 1) * reportEvery);
      const count = Math.min(chunk, nextReport - trainer.step, historyLength);
      const start = performance.now();
      await trainer.advance(count);
      const took = performance.now() - start;
      submits.push({ count, took });
      chunk = Math.max(1, Math.round((submitMilliseconds * count) / took));
      if (trainer.step < nextReport) {
        progress(trainer.step);
        continue;
      }
      measured = await measure(trainer);
      state = await trainer.state();
      reports.push([trainer.step, measured]);
      progress(trainer.step, measured);
    }
  } catch (error) {
    if (!isDiverged(error)) throw error;
    failure = error;
    await trainer.restore(state);
    measured = await measure(trainer);
  }
  return {
    reports,
    measured,
    state,
    seconds: submits.reduce((sum, { took }) => sum + took, 0) / 1000,
    msPerStep: msPerStepOf(submits.length > firstSubmits ? submits.slice(firstSubmits) : submits),
    ...(failure && { failure }),
  };
}

function msPerStepOf(submits: readonly { readonly count: number; readonly took: number }[]): number {
  const steps = submits.reduce((sum, { count }) => sum + count, 0);
  return steps === 0 ? 0 : submits.reduce((sum, { took }) => sum + took, 0) / steps;
}
