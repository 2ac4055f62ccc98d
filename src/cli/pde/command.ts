/** `sepnn pde`: solve a differential equation by separable networks. */

import { isDeviceLost, RunError } from '../../errors.js';
import {
  type FinishedProblem,
  type ProblemReport,
  type ProblemSettings,
  type ProblemStart,
  runProblem,
} from '../../experiments/pde/run.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { readProblemFile, type SavedProblem } from '../../io/model/problemFile.js';
import type { Problem } from '../../pde/problem.js';
import { commandLine, resuming } from '../commandLine.js';
import type { Ending } from '../ending.js';
import { Engines, onceMore } from '../engine.js';
import { startProgress } from '../progress.js';
import { print, warn } from '../terminal.js';
import { flagsOf, idleIn, requireMeaning, withoutIdle } from '../training/needs.js';
import { Command } from '../vendor.js';
import { type DigestedProblem, digested } from './digest.js';
import { ProblemKeeper } from './keeper.js';
import {
  addPdeOptions,
  courseOf,
  isPreset,
  lastLayersOf,
  networkOf,
  type PdeOptions,
  pdeNeeds,
  pointsOf,
  preconditionersOf,
  problemOptimiser,
  requireParameters,
  requireServed,
  requireStill,
  settled,
  testPointsOf,
  type Way,
  waysOf,
} from './options.js';
import { problemNamed, withData } from './problem.js';
import { type Finished, modelPath, summary, writeResults } from './results.js';
import { recordOf, startOf, withRecorded } from './resume.js';

export function pdeCommand(ending: Ending): Command {
  return addPdeOptions(
    new Command('pde').description('solve a differential equation by separable networks that carry derivatives'),
  ).action((name: string, options: PdeOptions, command: Command) => {
    const isTyped = (option: string) => command.getOptionValueSource(option) === 'cli';
    return pde(ending, name, command, options, isTyped);
  });
}

/** @throws InputError bad input, before the device is touched. @throws RunError a loss that is not finite, or a device that is lost. */
async function pde(
  ending: Ending,
  given: string,
  command: Command,
  typed: PdeOptions,
  isTyped: (option: string) => boolean,
): Promise<void> {
  const { resume } = typed;
  const saved = resume === undefined ? undefined : { path: resume, ...(await readProblemFile(resume)) };
  const usual = settled(typed, isTyped);
  const isSaid = (option: string) => isTyped(option) || isPreset(typed, option);
  const all = saved ? withRecorded(command, saved.path, saved.training, usual, isSaid) : usual;
  requireMeaning(command, all, pdeNeeds);
  const options = withoutIdle(all, pdeNeeds);
  requireStill(options);
  const named = await problemNamed(given);
  named.problem.remarks.forEach(warn);
  const problem = withData(named.problem, options.data);
  const runs = waysOf(options).map(way => ({ way, settings: settingsOf(problem, way, options) }));
  const own = digested(named, options.data > 0);
  const start = saved && startOf(saved.path, saved, own, waysOf(options), options);
  await ending.inFolder('--out', options.out, () =>
    ending.patiently(async () => {
      const engines = new Engines(options);
      const finished: Finished[] = [];
      try {
        await engines.open();
        for (const { way, settings } of runs) {
          const done = await oneRun(ending, engines, own, way, settings, options, start);
          if (done.run.stopped && done.file === undefined) {
            // Of a run that made no step there is nothing to keep.
            const again = goingOn(ending.args, way, options, undefined);
            throw ending.stopped(`no step was made: to begin again: ${again}`);
          }
          finished.push(done);
          if (done.run.stopped || done.run.failure) break;
        }
      } finally {
        try {
          // Runs that finished are told of, whatever ended the one after them.
          if (finished.length > 0) await report(ending, engines.current.adapter, named.name, options, finished);
        } finally {
          await engines.dispose();
        }
      }
    }),
  );
}

function settingsOf(problem: Problem, way: Way, options: PdeOptions): ProblemSettings {
  const { redraw, seed, reportEvery } = options;
  const { steps } = courseOf(way, options);
  const network = networkOf(way.network, options);
  requireParameters(problem, network);
  const points = pointsOf(problem, options);
  requireServed(way, problem, points, network);
  return {
    problem,
    network,
    points,
    optimiser: problemOptimiser(way, options),
    seed,
    steps,
    reportEvery,
    testPoints: testPointsOf(problem, options),
    ...(redraw > 0 && { redraw }),
    ...preconditionersOf(way),
    ...lastLayersOf(way, network),
  };
}

/** A run; where its device is lost, once more on another from what was saved last. */
async function oneRun(
  ending: Ending,
  engines: Engines,
  problem: DigestedProblem,
  way: Way,
  settings: ProblemSettings,
  options: PdeOptions,
  start: ProblemStart | undefined,
): Promise<Finished> {
  const keeper = new ProblemKeeper(modelPath(options.out, way), options.resume);
  const record = recordOf(problem, way, options);
  const from = () => keeper.kept ?? start;
  try {
    const run = await onceMore(
      engines,
      engine => runFrom(engine, ending, keeper, record, way, settings, options, from()),
      () => `from step ${from()?.state.step ?? 0}`,
    );
    return { way, run, file: keeper.file, unwritten: keeper.unwritten };
  } catch (error) {
    if (!isDeviceLost(error) || keeper.file === undefined) throw error;
    const line = goingOn(ending.args, way, options, keeper.file);
    throw new RunError(`${error.message.split(':')[0]}: to go on from what was saved last: ${line}`);
  }
}

async function runFrom(
  engine: Engine,
  ending: Ending,
  keeper: ProblemKeeper,
  record: SavedProblem['training'],
  way: Way,
  settings: ProblemSettings,
  { saveEvery, json }: PdeOptions,
  start: ProblemStart | undefined,
): Promise<FinishedProblem> {
  // Drawn once its trainer is made: what refuses that has one line.
  let bar: ReturnType<typeof startProgress> | undefined;
  try {
    return await runProblem(
      engine,
      settings,
      {
        progress: (step, report) => {
          bar ??= startProgress(way.name.padEnd(6), step, settings.steps, json);
          bar.update(step, report && headlineOf(report));
        },
        save: (state, reports) => keeper.save(record, { state, reports }),
        saveEvery,
        signal: ending.signal,
      },
      start,
    );
  } finally {
    bar?.stop();
  }
}

function headlineOf({ turn, loss, relativeL2 }: ProblemReport): string {
  const found = Number.isNaN(relativeL2)
    ? `loss ${loss.toExponential(2)}`
    : `relative L2 ${relativeL2.toExponential(2)}`;
  return turn === undefined ? found : `turn ${turn}: ${found}`;
}

/** Writes and prints what came of the runs. @throws RunError a loss that is not finite, or what cannot be written. @throws StoppedError after a signal. */
async function report(
  ending: Ending,
  adapter: AdapterReport,
  name: string,
  options: PdeOptions,
  finished: readonly Finished[],
): Promise<void> {
  const { report: told, failed } = await writeResults(adapter, name, options, finished);
  print(options.json ? JSON.stringify(told) : summary(told));
  const last = finished[finished.length - 1];
  const elsewhere = finished.find(({ unwritten }) => unwritten !== undefined);
  const isOver = !last.run.failure && !last.run.stopped;
  if (failed && isOver && !elsewhere) throw failed;
  if (failed) warn(failed.message);
  if (elsewhere && isOver) {
    const { way, file, unwritten } = elsewhere;
    throw new RunError(`${unwritten}: to go on: ${goingOn(ending.args, way, options, file)}`);
  }
  const { step } = last.run.state;
  if (last.run.failure) {
    const { error, turn, grids } = last.run.failure;
    if (turn !== undefined) {
      throw new RunError(
        `the loss became ${error.loss} in turn ${turn} through the last layers; the state before it is kept: raise damping`,
      );
    }
    const kept = last.file === undefined ? 'nothing is kept' : `the state of step ${step} is kept`;
    throw new RunError(
      `${error.message}: ${grids.join(' and ') || 'the loss'} diverged; ${kept}: lower --learning-rate`,
    );
  }
  if (last.run.stopped) {
    const line = goingOn(ending.args, last.way, options, last.file);
    const { steps, lastLayers } = courseOf(last.way, options);
    const { turn = 0 } = last.run.reports[last.run.reports.length - 1];
    const where = step < steps ? `step ${step} of ${steps}` : `turn ${turn} of ${lastLayers} through the last layers`;
    throw ending.stopped(`stopped at ${where}: to go on: ${line}`);
  }
}

/** The command line that goes on with one of the runs that `args` ask for. @param file of its state; from the start where there is none. */
export function goingOn(args: readonly string[], way: Way, options: PdeOptions, file: string | undefined): string {
  const { network, optimiser, preconditioner } = way;
  // The usual schedule goes with optimisers that nobody typed, and here one is.
  const course = optimiser.value.schedule === undefined ? ['--schedule', options.schedule] : [];
  const chosen = ['--optimisers', optimiser.text, ...course];
  const own = ['--networks', network, ...chosen, '--preconditioners', preconditioner.text];
  const more = waysOf(options).length === 1 ? [] : own;
  const idle = idleIn({ ...options, optimisers: [optimiser] }, pdeNeeds).flatMap(flagsOf);
  return commandLine(resuming(args, more, file, idle));
}
