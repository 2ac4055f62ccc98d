/** The runs that a command was asked for, on an adapter that is opened for them, with all that makes them end well. */

import { RunError } from '../../errors.js';
import { optimiserOf } from '../../experiments/optimisers.js';
import {
  type FinishedRun,
  type Measured,
  type RunSettings,
  reachedBy,
  type TopKReport,
  type TrainingTask,
  trainingRun,
  type Watch,
} from '../../experiments/trainingRun.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import type { SavedModel } from '../../io/model/modelFile.js';
import { recallTuning, rememberTuning } from '../../io/tuning.js';
import type { Model } from '../../model/model.js';
import type { TopK } from '../../precondition/topK.js';
import { interleaved } from '../../train/batches.js';
import type { Best, Until } from '../../train/runTraining.js';
import type { TrainerState } from '../../train/trainer.js';
import { commandLine, resuming } from '../commandLine.js';
import type { Ending } from '../ending.js';
import { Engines, onceMore } from '../engine.js';
import { startProgress, startTuningProgress } from '../progress.js';
import { warn } from '../terminal.js';
import { type KeptFiles, ModelKeeper } from './keeper.js';
import { type GridWords, requireFits } from './limits.js';
import { flagsOf, idleIn } from './needs.js';
import { type PreconditionerName, type TopKOption, type TrainingOptions, trainingNeeds } from './options.js';
import { preconditionerOf } from './preconditioner.js';
import { recordOf, requireSameTask } from './record.js';

export interface SessionSettings<M extends Measured> {
  readonly model: Model;
  readonly topK: TopKOption;
  readonly resume?: SavedModel | undefined;
  /** How errors name the grid. */
  readonly words: GridWords;
  until?(options: TrainingOptions): Until<M> | undefined;
  /** The options with what only the device can say, of a run that goes on from nothing: all checks are passed by then. */
  settle?(engine: Engine, task: TrainingTask<M>, options: TrainingOptions): Promise<TrainingOptions>;
}

/** What a command makes of its runs. */
export interface SessionResult<M extends Measured> {
  /** For what the models give. */
  readonly engine: Engine;
  readonly adapter: AdapterReport;
  /** As they were settled. */
  readonly options: TrainingOptions;
  readonly runs: readonly FinishedRun<M>[];
  /** Written by now. */
  readonly models: KeptFiles;
}

/**
 * Trains as asked, with --compare plainly first, and hands what came of it to `report` once the model is written; a run
 * that fails or is stopped is the last.
 *
 * @param options with what the data say of them, as the model file is to record them.
 * @param prepare what is trained, called once its model is known to fit the device.
 * @throws InputError what would not fit the device, or is not what a file to go on from was trained on.
 * @throws RunError for a loss that is not finite, after the report. @throws StoppedError after a signal and the report.
 */
export function trainingSession<M extends Measured>(
  ending: Ending,
  settings: SessionSettings<M>,
  options: TrainingOptions,
  prepare: () => TrainingTask<M>,
  report: (result: SessionResult<M>) => Promise<void>,
): Promise<void> {
  return ending.inFolder('--out', options.out, () =>
    ending.patiently(() => train(ending, settings, options, prepare, report)),
  );
}

async function train<M extends Measured>(
  ending: Ending,
  { model, topK, resume, words, until, settle }: SessionSettings<M>,
  asked: TrainingOptions,
  prepare: () => TrainingTask<M>,
  report: (result: SessionResult<M>) => Promise<void>,
): Promise<void> {
  const engines = new Engines(asked);
  try {
    const engine = await engines.open();
    if (asked.tune) await recallTuning(engine);
    requireFits(engine, model, asked, words);
    const task = prepare();
    if (resume) requireSameTask(asked, resume.training, recordOf(asked, task));
    const settled =
      settle &&
      (await onceMore(
        engines,
        one => whileTuning(one, asked, ending.signal, () => settle(one, task, asked)),
        () => 'before the first step',
      ).catch((error: unknown) => {
        throw ending.signal.aborted && error === ending.signal.reason ? notBegun(ending) : error;
      }));
    const options = settled ?? asked;
    const record = recordOf(options, task);
    const keeper = new ModelKeeper(options.out, model, record, options.resume);
    const best = resume && (await ModelKeeper.bestBeside(options, resume, record));
    const names = options.compare ? (['none', options.preconditioner] as const) : [options.preconditioner];
    const runs: FinishedRun<M>[] = [];
    let stopped = false;
    for (const name of names) {
      const choice = { name, topK, until, signal: ending.signal, from: resume && { state: resume.state, best } };
      const run = await runOrRunAgain(engines, keeper, task, options, choice).catch((error: Error) => {
        // While schedules were measured.
        if (ending.signal.aborted && error === ending.signal.reason) return undefined;
        const words = () => resumingOf(ending, options, name, keeper.path);
        throw keeper.kept ? new RunError(`${error.message}: ${keeper.whereabouts}: ${words()}`) : error;
      });
      stopped = run?.stopped ?? true;
      // Of a run that made no step there is nothing to keep.
      if (run && (!stopped || keeper.kept)) runs.push(run);
      if (run?.failure || stopped) break;
    }
    if (options.tune) await rememberTuning(engines.current).catch((error: Error) => warn(error.message));
    const last = runs.at(-1);
    if (!last) throw notBegun(ending);
    const goOn = () => resumingOf(ending, options, last.costs.preconditioner, keeper.path);
    const models = await keeper.finish(last).catch((error: Error) => {
      throw keeper.isRescued ? new RunError(`${error.message}: ${goOn()}`) : error;
    });
    try {
      await report({ engine: engines.current, adapter: engine.adapter, options, runs, models });
    } catch (error) {
      throw new RunError(`${(error as Error).message}: ${keeper.whereabouts}: ${goOn()}`);
    }
    if (stopped) throw ending.stopped(howToGoOn(ending, options, last, models));
    conclude(runs, options, models);
  } finally {
    await engines.dispose();
  }
}

function notBegun(ending: Ending): Error {
  return ending.stopped(`no step was made: to begin again: ${commandLine(ending.args)}`);
}

/** Whatever makes a trainer first, and measures with --tune what is then known: it tells how far that is, and a signal ends it. */
async function whileTuning<T>(
  { device }: Engine,
  { tune, json }: TrainingOptions,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const tuning = tune ? startTuningProgress(device, json, signal) : undefined;
  try {
    return await work();
  } finally {
    tuning?.stop();
  }
}

/** Of two runs that were to be compared, the one that was stopped goes on alone. */
function howToGoOn<M extends Measured>(
  ending: Ending,
  options: TrainingOptions,
  { stopped, state, costs }: FinishedRun<M>,
  { model }: KeptFiles,
): string {
  const { steps, preconditioner } = options;
  if (!stopped) return `before the first step with ${preconditioner}: to begin again: ${commandLine(ending.args)}`;
  return `stopped at step ${state.step} of ${steps}: ${resumingOf(ending, options, costs.preconditioner, model)}`;
}

/** How a run with that preconditioner goes on from a file, with its results if there is no step left to be made. */
function resumingOf({ args }: Ending, options: TrainingOptions, name: string, file: string): string {
  if (name === options.preconditioner) return `to go on: ${commandLine(resuming(args, [], file))}`;
  const idle = idleIn({ ...options, preconditioner: name as PreconditionerName }, trainingNeeds).flatMap(flagsOf);
  return `to go on: ${commandLine(resuming(args, ['--preconditioner', name], file, idle))}`;
}

/** What a run starts from. */
interface Start {
  readonly state: TrainerState;
  readonly best: Best | undefined;
}

interface RunChoice<M extends Measured> {
  readonly name: PreconditionerName;
  readonly topK: TopKOption;
  readonly until: SessionSettings<M>['until'];
  readonly signal: AbortSignal;
  readonly from: Start | undefined;
}

/** A run; where its device is lost, once more on another from what was saved last. */
function runOrRunAgain<M extends Measured>(
  engines: Engines,
  keeper: ModelKeeper,
  task: TrainingTask<M>,
  options: TrainingOptions,
  choice: RunChoice<M>,
): Promise<FinishedRun<M>> {
  const reports: [number, M][] = [];
  keeper.begin();
  const from = () => (keeper.kept ? { state: keeper.kept.state, best: keeper.keptBest } : choice.from);
  return onceMore(
    engines,
    engine => oneRun(engine, keeper, task, options, choice, reports),
    () => `from step ${from()?.state.step ?? 0}`,
    async engine => {
      const again = await oneRun(engine, keeper, task, options, { ...choice, from: from() }, []);
      const earlier = reports.filter(([step]) => step < again.reports[0][0]);
      return { ...again, reports: [...earlier, ...again.reports] };
    },
  );
}

async function oneRun<M extends Measured>(
  engine: Engine,
  keeper: ModelKeeper,
  task: TrainingTask<M>,
  options: TrainingOptions,
  { name, topK, until, signal, from }: RunChoice<M>,
  reports: [number, M][],
): Promise<FinishedRun<M>> {
  const { steps, saveEvery, tune, json } = options;
  const { shape } = task.model.domain;
  const resume = from?.state;
  // What was chosen once holds for all that follows.
  const saved = resume?.preconditioner?.name === name ? resume.preconditioner.topK : undefined;
  const known = topK === 'auto' && saved?.length === shape.length ? saved : topK;
  const start = () => startProgress(nameOfRun(name).padEnd(7), resume?.step ?? 0, steps, json);
  const tuning = tune ? startTuningProgress(engine.device, json, signal) : undefined;
  // Two bars are not drawn at a time.
  let bar = tuning ? undefined : start();
  const watch: Watch<M> = {
    started({ preconditioner: running }) {
      tuning?.stop();
      bar ??= start();
      const chosen = running?.topK ?? [];
      if (known === 'auto' && chosen.length > 0 && !json) {
        warn(`--top-k auto: ${chosen.join(' and ')} of ${shape.join(' and ')} eigenpairs`);
      }
    },
    progress(step, measured) {
      bar?.update(step, measured && task.headline(measured));
      if (measured) reports.push([step, measured]);
    },
    save: ({ state, measured }, best) => keeper.save(state, reachedBy(task, measured), best),
  };
  try {
    const settings: RunSettings<M> = {
      ...runSettingsOf<M>(options, shape, name, known),
      topK: name === 'none' ? 0 : topK,
      ...{ saveEvery, resume, signal, best: from?.best, until: until?.(options) },
    };
    return await trainingRun(engine, task, settings, watch);
  } finally {
    tuning?.stop();
    bar?.stop();
  }
}

/** What decides how a run computes. @param topK 'auto', or of all axes alike or each. */
export function runSettingsOf<M>(
  options: TrainingOptions,
  shape: readonly number[],
  name: PreconditionerName,
  topK: TopK,
): Omit<RunSettings<M>, 'topK'> {
  const { steps, reportEvery, seed, tune, interleave } = options;
  const preconditioner = preconditionerOf(shape, options, name, topK);
  const batches = interleave === undefined ? {} : { batches: interleaved(interleave) };
  return { optimiser: optimiserOf(options, steps), preconditioner, ...batches, steps, reportEvery, seed, tune };
}

function conclude<M extends Measured>(
  runs: readonly FinishedRun<M>[],
  { learningRate, rest }: TrainingOptions,
  models: KeptFiles,
): void {
  const { failure, costs, measured, best, reports } = runs.at(-1) as FinishedRun<M>;
  const top = Math.max(...costs.topK.chosen);
  const rates = [
    ...(rest === 'sgd' ? ['--rest-rate'] : []), // the first to be too large: Adam's steps have a length of their own
    `--learning-rate ${learningRate}`,
    ...(top > 1 ? [`--top-k ${top}`] : []),
  ];
  const lower = `lower ${rates.join(' or ')}`;
  if (failure) {
    throw new RunError(
      `the loss became ${failure.loss} at step ${failure.step}: ${lower}; the model of step ${costs.steps} was kept`,
    );
  }
  if (models.best !== undefined) {
    const [ended, least] = [measured.loss, best.loss].map(loss => loss.toPrecision(4));
    const line = `the loss ended at ${ended}, far above ${least} at step ${best.state.step}, which is kept as ${models.best}: ${lower}`;
    // Worse than where it started: nothing was learnt.
    if (measured.loss > reports[0][1].loss) throw new RunError(line);
    warn(line);
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

/** @param width of the names, or more where one is longer. */
export function fileLines(files: Readonly<Record<string, string>>, width = 16): string[] {
  const longest = Math.max(...Object.keys(files).map(name => name.length + 2));
  return Object.entries(files).map(([name, path]) => `${`${name}:`.padEnd(Math.max(width, longest))}${path}`);
}
