/** `sepnn pde`: solve a differential equation by separable networks. */

import { join } from 'node:path';
import { isDeviceLost, RunError } from '../../errors.js';
import {
  type FinishedProblem,
  type ProblemReport,
  type ProblemSettings,
  type ProblemStart,
  runProblem,
} from '../../experiments/pde/run.js';
import { slicePicture } from '../../experiments/pde/slices.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { encodePng } from '../../io/image/picture.js';
import { readProblemFile, type SavedProblem } from '../../io/model/problemFile.js';
import { writeNpy } from '../../io/npy.js';
import { linePlot } from '../../io/plot.js';
import { shapeOf } from '../../pde/grid.js';
import type { Problem } from '../../pde/problem.js';
import { commandLine, resuming } from '../commandLine.js';
import type { Ending } from '../ending.js';
import { Engines, onceMore } from '../engine.js';
import { startProgress } from '../progress.js';
import { print, table, warn } from '../terminal.js';
import { adapterLine, fileLines } from '../training/session.js';
import { Command } from '../vendor.js';
import { type DigestedProblem, digested } from './digest.js';
import { ProblemKeeper } from './keeper.js';
import {
  addPdeOptions,
  courseOf,
  isPreset,
  lastLayersOf,
  type NetworkName,
  networkOf,
  type PdeOptions,
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
import { recordOf, startOf, withRecorded } from './resume.js';

export function pdeCommand(ending: Ending): Command {
  return addPdeOptions(
    new Command('pde').description('solve a differential equation by separable networks that carry derivatives'),
  ).action((name: string, options: PdeOptions, command: Command) => {
    const isTyped = (option: string) => command.getOptionValueSource(option) === 'cli';
    return pde(ending, name, command, options, isTyped);
  });
}

/** What of a run is told. */
interface RunReport {
  /** Of its files and its curve. */
  readonly name: string;
  readonly network: NetworkName;
  readonly preconditioner: string;
  readonly optimiser: string;
  readonly steps: number;
  readonly seconds: number;
  readonly msPerStep: number;
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly relativeL2: number | null;
  readonly greatestError: number | null;
  /** Eigenpairs that the residual's preconditioner was to modulate on each axis, and those it has on every one. */
  readonly topK?: { readonly asked: number; readonly chosen: readonly number[] };
  readonly gpuBytes: number;
  readonly operations: number;
  readonly dispatches: number;
  readonly curve: readonly ProblemReport[];
}

export interface PdeReport {
  readonly adapter: AdapterReport;
  readonly problem: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly RunReport[];
  readonly files: Readonly<Record<string, string>>;
}

interface Finished {
  readonly way: Way;
  readonly run: FinishedProblem;
  /** The file that holds its state: that from which it went on where it made no step, none where it began there. */
  readonly file: string | undefined;
  /** Why that is not where it should be. */
  readonly unwritten: string | undefined;
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
  const options = saved ? withRecorded(command, saved.path, saved.training, usual, isSaid) : usual;
  requireStill(options);
  const named = await problemNamed(given);
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

function modelPath(out: string, { name }: Way): string {
  return join(out, `${name}.safetensors`);
}

function headlineOf({ turn, loss, relativeL2 }: ProblemReport): string {
  const found = Number.isNaN(relativeL2)
    ? `loss ${loss.toExponential(2)}`
    : `relative L2 ${relativeL2.toExponential(2)}`;
  return turn === undefined ? found : `turn ${turn}: ${found}`;
}

/** What curves show, and with what their files' names begin. */
const plotted = {
  relativeL2: { y: 'relative L2 error', prefix: '' },
  greatestError: { y: 'greatest error', prefix: 'greatest-' },
  loss: { y: 'loss', prefix: '' },
} as const;

/** Writes and prints what came of the runs. @throws RunError a loss that is not finite, or what cannot be written. @throws StoppedError after a signal. */
async function report(
  ending: Ending,
  adapter: AdapterReport,
  name: string,
  options: PdeOptions,
  finished: readonly Finished[],
): Promise<void> {
  const { out, json, optimisers, preconditioners, ...others } = options;
  const textsOf = (ways: readonly { readonly text: string }[]) => ways.map(({ text }) => text);
  const settings = { ...others, optimisers: textsOf(optimisers), preconditioners: textsOf(preconditioners) };
  const runs = finished.map(({ way, run }) => reportOf(way, run));
  const files: Record<string, string> = { results: join(out, 'results.json') };
  const writes: (() => Promise<void>)[] = [];
  const isKnown = runs.some(({ relativeL2 }) => relativeL2 !== null);
  const measures = isKnown ? (['relativeL2', 'greatestError'] as const) : (['loss'] as const);
  for (const measure of measures) {
    for (const x of ['step', 'seconds'] as const) {
      const { y, prefix } = plotted[measure];
      const path = join(out, `${prefix}${x}.svg`);
      files[`${y} by ${x}`] = path;
      const lines = runs.map(({ name: own, curve }) => ({
        name: own,
        points: curve.map(point => [point[x], point[measure]] as const).filter(([at, value]) => value > 0 && at >= 0),
      }));
      const plot = linePlot(lines, { title: name, x, y, logarithmic: { y: true } });
      writes.push(() => writeWhole(path, plot));
    }
  }
  for (const { way, run, file } of finished) {
    if (file !== undefined) files[way.name] = file;
    for (const [field, values] of Object.entries(run.solution.fields)) {
      const path = join(out, `${way.name}.${field}.npy`);
      files[`${way.name}, ${field}`] = path;
      const shape = shapeOf(run.solution.axes);
      const slice = join(out, `${way.name}.${field}.png`);
      files[`${way.name}, slice of ${field}`] = slice;
      writes.push(async () => {
        await writeNpy(path, shape, put => put(0, values));
        await writeWhole(slice, await encodePng(slicePicture(values, run.solution.known[field], shape)));
      });
    }
  }
  const whole: PdeReport = { adapter, problem: name, settings, runs, files };
  writes.unshift(() => writeWhole(files.results, `${JSON.stringify(whole, null, 2)}\n`));
  const failed = await writes
    .reduce((before, write) => before.then(write), Promise.resolve())
    .then(() => undefined)
    .catch((error: Error) => error);
  // What was trained is not lost with a full disk.
  print(json ? JSON.stringify(whole) : summary(whole));
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
    throw ending.stopped(
      last.file === undefined ? `no step was made: to begin again: ${line}` : `stopped at ${where}: to go on: ${line}`,
    );
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
  return commandLine(file === undefined ? [...args, ...more] : resuming(args, more, file));
}

function reportOf(way: Way, { reports, state, msPerStep, gpuBytes, work }: FinishedProblem): RunReport {
  const { name, network, preconditioner } = way;
  const last = reports[reports.length - 1];
  const { residualPreconditioner: residual } = preconditionersOf(way);
  const numberOrNull = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    name,
    network,
    preconditioner: preconditioner.value.preconditioner,
    optimiser: state.optimiser.name,
    steps: state.step,
    seconds: last.seconds,
    msPerStep,
    loss: last.loss,
    losses: last.losses,
    relativeL2: numberOrNull(last.relativeL2),
    greatestError: numberOrNull(last.greatestError),
    ...(residual && { topK: { asked: residual.topK, chosen: state.preconditioner?.topK ?? [] } }),
    gpuBytes,
    operations: work.operations,
    dispatches: work.dispatches,
    curve: reports,
  };
}

function summary({ adapter, problem, runs, files }: PdeReport): string {
  const text = (value: number | null) => value?.toExponential(3) ?? 'unknown';
  const rows = runs.map(run => [
    run.name,
    String(run.steps),
    run.seconds.toFixed(1),
    run.msPerStep.toFixed(2),
    text(run.relativeL2),
    text(run.greatestError),
    run.loss.toExponential(3),
  ]);
  return [
    `${adapterLine(adapter)}, ${problem}`,
    table(['run', 'steps', 'seconds', 'ms/step', 'relative L2', 'greatest error', 'loss'], rows),
    ...fileLines(files, 24),
  ].join('\n');
}
