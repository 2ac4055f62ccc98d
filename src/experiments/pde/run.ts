/** A training on a differential equation as reports have it: the error of its solution against steps and seconds. */

import { type DivergedError, InputError, isDiverged } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { shown } from '../../host/checks.js';
import { type AxisPoints, eachPoint, evenPoints, placeOf, shapeOf } from '../../pde/grid.js';
import type { Problem } from '../../pde/problem.js';
import { type ProblemState, ProblemTrainer, type ProblemTrainerOptions } from '../../pde/training/problemTrainer.js';
import { runTraining, type Trained } from '../../train/runTraining.js';
import type { ParameterState } from '../../train/trainedParameters.js';

/** What a report says of the present parameters. */
export interface ProblemReport {
  readonly step: number;
  /** Turns through the last layers, after all steps; absent where there is none. */
  readonly turn?: number;
  /** Training alone, from the first step on. */
  readonly seconds: number;
  readonly loss: number;
  /** What each grid adds to the loss. */
  readonly losses: Readonly<Record<string, number>>;
  /** |u - solution| / |solution| on the grid of the test, over all fields whose solution is known; NaN where none is. */
  readonly relativeL2: number;
  readonly greatestError: number;
}

export interface ProblemSettings extends ProblemTrainerOptions {
  readonly steps: number;
  /** Through the last layers, once the steps are made: of `lastLayers`, which must be there. None by default. */
  readonly turns?: number;
  readonly reportEvery: number;
  /** Of each axis of the grid of the test; a reference has a grid of its own. */
  readonly testPoints: number;
}

type TrainedState = Required<ParameterState> & ProblemState;

/** What a run goes on from. */
export interface ProblemStart {
  readonly state: ProblemState;
  readonly reports: readonly ProblemReport[];
}

export interface ProblemWatch {
  progress?(step: number, report?: ProblemReport): void;
  save?(state: TrainedState, reports: readonly ProblemReport[]): Promise<void>;
  readonly saveEvery?: number;
  readonly signal?: AbortSignal;
}

export interface FinishedProblem {
  /** From the first step on, those of runs before it too. */
  readonly reports: readonly ProblemReport[];
  readonly state: TrainedState;
  readonly msPerStep: number;
  /** Of one step: floating-point operations and dispatches. */
  readonly work: ProblemTrainer['work'];
  /** Device memory that the run held. */
  readonly gpuBytes: number;
  /** The fields on the grid of the test. */
  readonly solution: Solution;
  readonly stopped: boolean;
  /**
   * What ended the run early, and in which turn through the last layers or which grids' losses did; the state is the last
   * good one.
   */
  readonly failure?: { readonly error: DivergedError; readonly turn?: number; readonly grids: readonly string[] };
}

export interface Solution {
  readonly axes: AxisPoints;
  readonly fields: Readonly<Record<string, Float32Array>>;
  /** What is known of them there. */
  readonly known: Readonly<Record<string, ArrayLike<number>>>;
}

/** A solution that is known, on the grid of the test. */
interface Known {
  readonly axes: AxisPoints;
  readonly values: Readonly<Record<string, ArrayLike<number>>>;
}

/**
 * The exact solution on a grid, or else the reference on its own, or else a grid alone.
 *
 * @throws InputError a solution that is no number somewhere: it would pass for one that is unknown there, as NaN is.
 */
function knownOf({ name, axes, fields, exact, reference }: Problem, testPoints: number): Known {
  const grid = Object.fromEntries(Object.entries(axes).map(([axis, range]) => [axis, evenPoints(range, testPoints)]));
  const own = fields.filter(field => exact[field]);
  if (own.length === 0) return reference?.() ?? { axes: grid, values: {} };
  const size = shapeOf(grid).reduce((product, n) => product * n, 1);
  const values = Object.fromEntries(own.map(field => [field, new Float32Array(size)]));
  eachPoint(grid, (point, index) => {
    for (const field of own) {
      const value: unknown = exact[field](point);
      if (typeof value !== 'number') {
        throw new InputError(
          `${name}: exact: ${field}: is ${shown(value)} at ${placeOf(point)}: let it give a number, or NaN where none is known`,
        );
      }
      values[field][index] = value;
    }
  });
  return { axes: grid, values };
}

function errorsOf({ values }: Known, found: Readonly<Record<string, Float32Array>>) {
  let [difference, norm, greatest] = [0, 0, 0];
  for (const [field, expected] of Object.entries(values)) {
    const own = found[field];
    for (let i = 0; i < own.length; i++) {
      if (Number.isNaN(expected[i])) continue; // outside the domain
      const off = own[i] - expected[i];
      difference += off * off;
      norm += expected[i] * expected[i];
      greatest = Math.max(greatest, Math.abs(off));
    }
  }
  return { relativeL2: Math.sqrt(difference / norm), greatestError: norm === 0 ? Number.NaN : greatest };
}

/** Trains from the start, or from where another run ended. */
export async function runProblem(
  engine: Engine,
  settings: ProblemSettings,
  watch: ProblemWatch = {},
  start?: ProblemStart,
): Promise<FinishedProblem> {
  const { steps, turns = 0, reportEvery, testPoints, ...options } = settings;
  const known = knownOf(options.problem, testPoints);
  const before = engine.memory.bytes;
  const trainer = await ProblemTrainer.create(engine, options);
  try {
    if (start) await trainer.restore(start.state);
    watch.progress?.(trainer.step);
    await compiled(trainer);
    const gpuBytes = engine.memory.bytes - before;
    const clock = new Clock(trainer, start?.reports.at(-1)?.seconds ?? 0);
    // A run that was not stopped has no report where one was.
    const isReport = ({ step, turn }: ProblemReport) =>
      turn !== undefined || step % reportEvery === 0 || step === steps;
    const reports = (start?.reports ?? []).filter((report, i, { length }) => i < length - 1 || isReport(report));
    const withLast = (report: ProblemReport) =>
      report.step > (reports.at(-1)?.step ?? -1) ? [...reports, report] : reports;
    const measure = async (): Promise<ProblemReport> => {
      const losses = await trainer.evaluate();
      const loss = Object.values(losses).reduce((sum, one) => sum + one, 0);
      const errors = errorsOf(known, await trainer.solution(known.axes));
      return { step: trainer.step, seconds: clock.seconds, loss, losses, ...errors };
    };
    const run = await runTraining(clock, {
      steps,
      reportEvery,
      measure,
      progress: (step, report) => {
        if (report && isReport(report) && report.step > (reports.at(-1)?.step ?? -1)) reports.push(report);
        watch.progress?.(step, report);
      },
      save: async ({ state, measured }) => watch.save?.(state as TrainedState, withLast(measured)),
      ...(watch.saveEvery !== undefined && { saveEvery: watch.saveEvery }),
      signal: watch.signal,
    });
    const done = withLast(run.measured);
    const { state, ...turned }: Turned =
      run.failure || run.stopped
        ? { state: run.state as TrainedState, reports: done, stopped: run.stopped }
        : await turnedThrough(clock, turns, measure, run.state as TrainedState, done, watch);
    const failure =
      turned.failure ??
      (run.failure && { error: run.failure, grids: await trainer.diverging(state, run.failure.step) });
    if (failure) await trainer.restore(state);
    return {
      reports: turned.reports.filter(({ step }) => step <= state.step),
      state,
      msPerStep: run.msPerStep,
      work: trainer.work,
      gpuBytes,
      solution: { axes: known.axes, fields: await trainer.solution(known.axes), known: known.values },
      stopped: turned.stopped,
      ...(failure && { failure }),
    };
  } finally {
    trainer.dispose();
  }
}

type Turned = Pick<FinishedProblem, 'reports' | 'state' | 'stopped' | 'failure'>;

/**
 * Makes what is left of the turns through the last layers, each with a report and saved when it is made: where a run ends
 * within one, or its loss is not finite, the state before that turn is what is kept.
 */
async function turnedThrough(
  clock: Clock,
  turns: number,
  measure: () => Promise<ProblemReport>,
  before: TrainedState,
  made: readonly ProblemReport[],
  { progress, save, signal }: ProblemWatch,
): Promise<Turned> {
  let [state, reports] = [before, made];
  for (let turn = (made.at(-1)?.turn ?? 0) + 1; turn <= turns; turn++) {
    if (signal?.aborted) return { state, reports, stopped: true };
    let report: ProblemReport;
    try {
      await clock.solveLastLayers();
      report = { ...(await measure()), turn };
    } catch (error) {
      if (!isDiverged(error)) throw error;
      return { state, reports, stopped: false, failure: { error, turn, grids: [] } };
    }
    [state, reports] = [await clock.state(), [...reports, report]];
    progress?.(report.step, report);
    await save?.(state, reports);
  }
  return { state, reports, stopped: false };
}

/** One with a refresh, one without: every pipeline has then run. */
const firstSteps = 2;

/** Makes steps that are taken back: drivers compile until a plan has run once, which is no part of a curve's seconds. */
async function compiled(trainer: ProblemTrainer): Promise<void> {
  const state = await trainer.state();
  await trainer.advance(firstSteps).catch(error => {
    // What diverges at once does so again, when it is counted.
    if (!isDiverged(error)) throw error;
  });
  await trainer.restore(state);
}

/** A trainer whose steps are timed. */
class Clock implements Trained {
  constructor(
    private readonly trainer: ProblemTrainer,
    /** Of the steps made so far. */
    public seconds: number,
  ) {}

  get step(): number {
    return this.trainer.step;
  }

  get pace(): number {
    return this.trainer.pace;
  }

  advance(count: number): Promise<Float32Array> {
    return this.#timed(() => this.trainer.advance(count));
  }

  solveLastLayers(): Promise<void> {
    return this.#timed(() => this.trainer.solveLastLayers());
  }

  state(): Promise<TrainedState> {
    return this.trainer.state();
  }

  restore(state: ProblemState): Promise<void> {
    return this.trainer.restore(state);
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await work();
    this.seconds += (performance.now() - from) / 1000;
    return result;
  }
}
