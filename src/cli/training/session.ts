/** The runs that a command was asked for, on an adapter that is opened for them. */

import { RunError } from '../../errors.js';
import {
  type FinishedRun,
  type Measured,
  type TopKReport,
  type TrainingTask,
  trainingRun,
  type Watch,
} from '../../experiments/trainingRun.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { recallTuning, rememberTuning } from '../../io/tuning.js';
import type { Model } from '../../model/model.js';
import { openEngine } from '../../public/node.js';
import type { TrainerState } from '../../train/trainer.js';
import { startProgress } from '../progress.js';
import { warn } from '../terminal.js';
import { type GridWords, optimiserOf, preconditionerOf, requireFits } from './model.js';
import type { PreconditionerName, TopKOption, TrainingOptions } from './options.js';

export interface SessionSettings {
  readonly model: Model;
  readonly topK: TopKOption;
  readonly resume?: TrainerState | undefined;
  /** How errors name the grid. */
  readonly words: GridWords;
}

/**
 * Trains as asked, with --compare plainly first, and hands what came of it to `report`; a run that fails is the last.
 *
 * @param prepare what is trained, called once its model is known to fit the device.
 * @throws InputError what would not fit the device. @throws RunError for a loss that is not finite, after the report.
 */
export async function trainingSession<M extends Measured>(
  { model, topK, resume, words }: SessionSettings,
  options: TrainingOptions,
  prepare: () => TrainingTask<M>,
  report: (adapter: AdapterReport, runs: readonly FinishedRun<M>[]) => Promise<void>,
): Promise<void> {
  const engine = await openEngine({ adapter: options.adapter });
  try {
    if (options.tune) await recallTuning(engine);
    requireFits(engine, model, options, words);
    const task = prepare();
    const names = options.compare ? (['none', options.preconditioner] as const) : [options.preconditioner];
    const runs: FinishedRun<M>[] = [];
    for (const name of names) {
      const run = await oneRun(engine, task, options, { name, topK, resume });
      runs.push(run);
      if (run.failure) break;
    }
    await report(engine.adapter, runs);
    if (options.tune) await rememberTuning(engine);
    conclude(runs, options);
  } finally {
    await engine.dispose();
  }
}

interface RunChoice {
  readonly name: PreconditionerName;
  readonly topK: TopKOption;
  readonly resume: TrainerState | undefined;
}

async function oneRun<M extends Measured>(
  engine: Engine,
  task: TrainingTask<M>,
  options: TrainingOptions,
  { name, topK, resume }: RunChoice,
): Promise<FinishedRun<M>> {
  const { steps, reportEvery, seed, tune, json } = options;
  const { shape } = task.model.domain;
  // What was chosen once holds for all that follows.
  const saved = resume?.preconditioner?.name === name ? resume.preconditioner.topK : undefined;
  const known = topK === 'auto' && saved?.length === shape.length ? saved : topK;
  const preconditioner = preconditionerOf(shape, options, name, known);
  const bar = startProgress(nameOfRun(name).padEnd(7), resume?.step ?? 0, steps, json);
  const watch: Watch<M> = {
    started({ preconditioner: running }) {
      const chosen = running?.topK ?? [];
      if (known === 'auto' && chosen.length > 0 && !json) {
        warn(`--top-k auto: ${chosen.join(' and ')} of ${shape.join(' and ')} eigenpairs`);
      }
    },
    progress: (step, measured) => bar.update(step, measured && task.headline(measured)),
  };
  try {
    const settings = { optimiser: optimiserOf(options), steps, reportEvery, seed, tune, resume };
    const k = name === 'none' ? 0 : topK;
    return await trainingRun(engine, task, { ...settings, preconditioner, topK: k }, watch);
  } finally {
    bar.stop();
  }
}

function conclude<M extends Measured>(runs: readonly FinishedRun<M>[], { learningRate }: TrainingOptions): void {
  const { failure, costs } = runs.at(-1) as FinishedRun<M>;
  if (failure) {
    const top = Math.max(...costs.topK.chosen);
    throw new RunError(
      `the loss became ${failure.loss} at step ${failure.step}: lower --learning-rate ${learningRate}${top > 1 ? ` or --top-k ${top}` : ''}; the model of step ${costs.steps} was kept`,
    );
  }
  for (const { asked, resolved } of runs.map(run => run.costs.topK)) {
    if (asked !== 'auto' && asked > resolved) {
      warn(`--top-k ${asked} asks for more eigenpairs than float32 resolves here: ${resolved} at the end`);
    }
  }
}

/** Columns of the table of runs that every command shares, after its own. */
export const costColumns = ['loss', 'ms/step', 'refresh ms', 'k', 'MiB'] as const;

/** A row of that table: the run's name and steps, the command's own cells, what it took. */
export function runRow<M extends Measured>({ costs, measured }: FinishedRun<M>, own: readonly string[]): string[] {
  const plain = costs.preconditioner === 'none';
  return [
    nameOfRun(costs.preconditioner),
    String(costs.steps),
    ...own,
    measured.loss.toPrecision(4),
    costs.msPerStep.toFixed(1),
    plain ? '-' : costs.refreshMs.toFixed(1),
    plain ? '-' : pairsOf(costs.topK),
    (costs.gpuBytes / 2 ** 20).toFixed(1),
  ];
}

/** What a report calls a run by its preconditioner. */
export function nameOfRun(preconditioner: string): string {
  const names: Readonly<Record<string, string>> = { none: 'plain', seppgd: 'SepPGD', msk: 'MSK', iga: 'IGA' };
  return names[preconditioner] ?? preconditioner;
}

function pairsOf({ asked, chosen, used }: TopKReport): string {
  return asked === 'auto' ? `${chosen.join(', ')} (auto)` : `${used} of ${asked}`;
}

export function adapterLine({ description, architecture, kind }: AdapterReport): string {
  return `${description || architecture} (${kind})`;
}

/** @param width of the names. */
export function fileLines(files: Readonly<Record<string, string>>, width = 16): string[] {
  return Object.entries(files).map(([name, path]) => `${`${name}:`.padEnd(width)}${path}`);
}
