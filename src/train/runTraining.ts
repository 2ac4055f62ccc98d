/** A training run: steps a quarter of a second's at a time, a report now and then, states kept on the way. */

import { type DivergedError, InputError, isDiverged, RunError } from '../errors.js';
import { requireCount, requireNumber, requireOptions, shown } from '../host/checks.js';
import { mostSteps } from './trainedParameters.js';
import type { Trainer, TrainerState } from './trainer.js';

/** What a run brings on, such as a `Trainer`, whose `state` it keeps. */
export type Trained = Pick<Trainer, 'step' | 'pace' | 'advance' | 'restore'> & {
  /** All that a later run goes on with exactly, copied to the host. */
  state(): Promise<TrainerState>;
};

/** A state with what was measured of it. */
export interface Kept<M> {
  /** From which `restore` goes on. */
  readonly state: TrainerState;
  /** What `RunOptions.measure` gave for it. */
  readonly measured: M;
}

/** A state with its loss. */
export interface Best {
  /** From which `restore` goes on. */
  readonly state: TrainerState;
  /** What `RunOptions.loss` gave for it, the least of all reports. */
  readonly loss: number;
}

/**
 * Ends a run: asked after every submit, with what was measured where that was a report, and the best so far. A word for why
 * ends the run there; undefined lets it go on.
 */
export type Until<M> = (step: number, measured: M | undefined, best: Best | undefined) => string | undefined;

/** How far a run goes, what it reports and keeps, and what may end it. */
export interface RunOptions<M, T extends Trained = Trainer> {
  /** In all, those made before counted in: from 0 to 2^32 - 1. */
  readonly steps: number;
  /** Steps from one report to the next, from 1 to 2^32 - 1. */
  readonly reportEvery: number;
  /** What a report says of the present parameters. @throws DivergedError if their loss is not finite. */
  measure(trainer: T): Promise<M>;
  /** Called after every submit, with what was measured where that was a report. */
  progress?(step: number, measured?: M): void;
  /**
   * Puts a state where a later run finds it, and the best so far: now and then, and at the end, however the run ends,
   * unless that state was put there before or is the one that the run started from. What it throws ends the run.
   */
  save?(last: Kept<M>, best: Best | undefined): Promise<void>;
  /** Seconds from one `save` to the next at the least, from 0, 30 by default; 0 saves after every submit. */
  readonly saveEvery?: number;
  /** Ends the run after the submit under way. */
  readonly signal?: AbortSignal | undefined;
  /** May end it after any submit. */
  readonly until?: Until<M> | undefined;
  /** The loss that a report has measured, by which the best is told; where it is absent, no state is kept as the best. */
  loss?(measured: M): number;
  /** The best of the steps made before, where a run goes on. */
  readonly best?: Best | undefined;
}

const known = {
  steps: true,
  reportEvery: true,
  measure: true,
  progress: true,
  save: true,
  saveEvery: true,
  signal: true,
  until: true,
  loss: true,
  best: true,
} as const;

/** How a run went, and where it ended. */
export interface Run<M> extends Kept<M> {
  /** Every report, with the step it was made at, from the start. */
  readonly reports: readonly (readonly [step: number, measured: M])[];
  /** The last good state: of the last step made, or of the last report before the loss was no longer finite. */
  readonly state: TrainerState;
  /** The report of the least loss, and its state. */
  readonly best?: Best;
  /** Training alone, reports and saves left out. */
  readonly seconds: number;
  /**
   * Milliseconds, of the submits after the first two, in which a driver may still compile; of those alone where there
   * are no more.
   */
  readonly msPerStep: number;
  /** Whether the signal ended the run before all steps were made. */
  readonly stopped: boolean;
  /** Why `until` ended it before. */
  readonly ended?: string;
  /** What ended the run early; the trainer then has the state above. */
  readonly failure?: DivergedError;
}

/** Their time is the driver's as much as the steps'. */
const firstSubmits = 2;
const usualSaveEvery = 30;

/**
 * Trains until `steps` have been made in all, `until` or the signal says stop, or the loss is not finite any more.
 *
 * @throws InputError an option that is unknown or out of range. @throws RunError where the loss is not finite before
 * the first step, and what the device raises: the state of the last report is then saved first.
 */
export async function runTraining<M, T extends Trained = Trainer>(
  trainer: T,
  options: RunOptions<M, T>,
): Promise<Run<M>> {
  requireRunOptions(options);
  const { steps, reportEvery, measure, signal, loss, until, progress = () => {} } = options;
  const submits: { readonly count: number; readonly took: number }[] = [];
  const start = await measure(trainer).catch(error => {
    if (!isDiverged(error)) throw error;
    throw new RunError(`the loss is ${error.loss} before the first step: lower omega, the depth or the rank`);
  });
  const present = async (): Promise<Kept<M>> => ({ measured: await measure(trainer), state: await trainer.state() });
  const better = (before: Best | undefined, { state, measured }: Kept<M>): Best | undefined => {
    const reached = loss?.(measured);
    return reached !== undefined && (before === undefined || reached < before.loss) ? { state, loss: reached } : before;
  };
  let last: Kept<M> = { measured: start, state: await trainer.state() };
  // The step that a stopped run goes on from is no report of one that was not stopped.
  const isReport = trainer.step % reportEvery === 0 || trainer.step === steps;
  let best = isReport || !options.best ? better(options.best, last) : options.best;
  const ending = (measured?: M): string | undefined => {
    const word: unknown = until?.(trainer.step, measured, best);
    if (word === undefined || typeof word === 'string') return word;
    throw new InputError(`until: gave ${shown(word)}: give a word for why the run is to end, or undefined`);
  };
  let ended = ending(isReport ? start : undefined);
  let failure: DivergedError | undefined;
  const saves = new Saves(options, trainer.step);
  const reports: [number, M][] = [[trainer.step, start]];
  const report = async () => {
    last = await present();
    reports.push([trainer.step, last.measured]);
    progress(trainer.step, last.measured);
  };
  progress(trainer.step, start);
  try {
    while (trainer.step < steps && ended === undefined && !signal?.aborted) {
      const nextReport = Math.min(steps, (Math.floor(trainer.step / reportEvery) + 1) * reportEvery);
      const count = Math.min(trainer.pace, nextReport - trainer.step);
      const before = performance.now();
      await trainer.advance(count);
      const took = performance.now() - before;
      submits.push({ count, took });
      if (trainer.step < nextReport) {
        progress(trainer.step);
        ended = ending();
        if (saves.isDue) await saves.save(await present(), best);
        continue;
      }
      await report();
      best = better(best, last);
      ended = ending(last.measured);
      if (saves.isDue) await saves.save(last, best);
    }
    // Never the best: a run that was stopped and goes on is to have the best of one that was not.
    if (last.state.step < trainer.step) await report();
  } catch (error) {
    if (!isDiverged(error)) {
      // What it throws itself says less than the error that ended the run.
      if (saves.step < last.state.step) await saves.save(last, best).catch(() => {});
      throw error;
    }
    failure = error;
    await trainer.restore(last.state);
    last = { ...last, measured: await measure(trainer) };
  }
  await saves.save(last, best);
  return {
    reports,
    ...last,
    ...(best && { best }),
    seconds: submits.reduce((sum, { took }) => sum + took, 0) / 1000,
    msPerStep: msPerStepOf(submits.length > firstSubmits ? submits.slice(firstSubmits) : submits),
    stopped: !failure && ended === undefined && trainer.step < steps,
    ...(ended !== undefined && { ended }),
    ...(failure && { failure }),
  };
}

/** The saves of a run, none of a state that is saved already. */
class Saves<M> {
  readonly #every: number;
  readonly #work: RunOptions<M>['save'];
  #at = performance.now();

  constructor(
    { save, saveEvery = usualSaveEvery }: Pick<RunOptions<M>, 'save' | 'saveEvery'>,
    /** Of the state saved last, or that the run started from. */
    public step: number,
  ) {
    this.#every = 1000 * saveEvery;
    this.#work = save;
  }

  get isDue(): boolean {
    return this.#work !== undefined && performance.now() - this.#at >= this.#every;
  }

  async save(last: Kept<M>, best: Best | undefined): Promise<void> {
    if (last.state.step === this.step) return;
    await this.#work?.(last, best);
    this.step = last.state.step;
    this.#at = performance.now();
  }
}

function requireRunOptions<M, T extends Trained>(options: RunOptions<M, T>): void {
  requireOptions('runTraining', options, known);
  const { steps, reportEvery, saveEvery = usualSaveEvery, signal } = options;
  requireCount('steps', steps, 0, mostSteps);
  requireCount('reportEvery', reportEvery, 1, mostSteps);
  requireNumber('saveEvery', saveEvery, { from: 0 });
  for (const name of ['measure', 'progress', 'save', 'loss', 'until'] as const) {
    const given: unknown = options[name];
    if (typeof given === 'function' || (given === undefined && name !== 'measure')) continue;
    throw new InputError(`${name}: ${shown(given)}: give a function`);
  }
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
    throw new InputError(`signal: ${shown(signal)} is none: give that of an AbortController`);
  }
}

function msPerStepOf(submits: readonly { readonly count: number; readonly took: number }[]): number {
  const steps = submits.reduce((sum, { count }) => sum + count, 0);
  return steps === 0 ? 0 : submits.reduce((sum, { took }) => sum + took, 0) / steps;
}
