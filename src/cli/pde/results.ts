/** What runs on a problem leave: a report, curves, the fields of each with a picture of a slice, and what is told of them. */

import { join } from 'node:path';
import type { FinishedProblem, ProblemReport } from '../../experiments/pde/run.js';
import { slicePicture } from '../../experiments/pde/slices.js';
import type { AdapterReport } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { encodePng } from '../../io/image/picture.js';
import { writeNpy } from '../../io/npy.js';
import { linePlot } from '../../io/plot.js';
import { shapeOf } from '../../pde/grid.js';
import { table } from '../terminal.js';
import { adapterLine, fileLines } from '../training/session.js';
import { type NetworkName, type PdeOptions, preconditionersOf, type Way } from './options.js';

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
  /**
   * Where the loss was least of all points of the curve: at a constant rate an error swings severalfold from one to the
   * next, and this is the one that Cho et al. 2023 report.
   */
  readonly atLeastLoss: Moment;
  /** Eigenpairs that the residual's preconditioner was to modulate on each axis, and those it has on every one. */
  readonly topK?: { readonly asked: number; readonly chosen: readonly number[] };
  readonly gpuBytes: number;
  readonly operations: number;
  readonly dispatches: number;
  readonly curve: readonly ProblemReport[];
}

/** A point of a curve. */
interface Moment {
  readonly step: number;
  /** Of those through the last layers; absent among the steps. */
  readonly turn?: number;
  readonly loss: number;
  readonly relativeL2: number | null;
  readonly greatestError: number | null;
}

export interface PdeReport {
  readonly adapter: AdapterReport;
  readonly problem: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly RunReport[];
  readonly files: Readonly<Record<string, string>>;
}

export interface Finished {
  readonly way: Way;
  readonly run: FinishedProblem;
  /** The file that holds its state: that from which it went on where it made no step, none where it began there. */
  readonly file: string | undefined;
  /** Why that is not where it should be. */
  readonly unwritten: string | undefined;
}

/** The file of a run's state. */
export function modelPath(out: string, { name }: Way): string {
  return join(out, `${name}.safetensors`);
}

/** What curves show, and with what their files' names begin. */
const plotted = {
  relativeL2: { y: 'relative L2 error', prefix: '' },
  greatestError: { y: 'greatest error', prefix: 'greatest-' },
  loss: { y: 'loss', prefix: '' },
} as const;

/** @returns what is told, and why not all of it was written: what was trained is not lost with a full disk. */
export async function writeResults(
  adapter: AdapterReport,
  name: string,
  options: PdeOptions,
  finished: readonly Finished[],
): Promise<{ readonly report: PdeReport; readonly failed: Error | undefined }> {
  const { out, json: _, optimisers, preconditioners, ...others } = options;
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
  const report: PdeReport = { adapter, problem: name, settings, runs, files };
  writes.unshift(() => writeWhole(files.results, `${JSON.stringify(report, null, 2)}\n`));
  const failed = await writes
    .reduce((before, write) => before.then(write), Promise.resolve())
    .then(() => undefined)
    .catch((error: Error) => error);
  return { report, failed };
}

function reportOf(way: Way, { reports, state, msPerStep, gpuBytes, work }: FinishedProblem): RunReport {
  const { name, network, preconditioner } = way;
  const last = reports[reports.length - 1];
  const { residualPreconditioner: residual } = preconditionersOf(way);
  const least = reports.reduce((one, other) => (other.loss < one.loss ? other : one));
  return {
    name,
    network,
    preconditioner: preconditioner.value.preconditioner,
    optimiser: state.optimiser.name,
    steps: state.step,
    seconds: last.seconds,
    msPerStep,
    losses: last.losses,
    ...momentOf(last),
    atLeastLoss: { step: least.step, ...(least.turn !== undefined && { turn: least.turn }), ...momentOf(least) },
    ...(residual && { topK: { asked: residual.topK, chosen: state.preconditioner?.topK ?? [] } }),
    gpuBytes,
    operations: work.operations,
    dispatches: work.dispatches,
    curve: reports,
  };
}

function momentOf({ loss, relativeL2, greatestError }: ProblemReport): Omit<Moment, 'step' | 'turn'> {
  const numberOrNull = (value: number) => (Number.isFinite(value) ? value : null);
  return { loss, relativeL2: numberOrNull(relativeL2), greatestError: numberOrNull(greatestError) };
}

/** The same for who reads. */
export function summary({ adapter, problem, runs, files }: PdeReport): string {
  const text = (value: number | null) => value?.toExponential(3) ?? 'unknown';
  const rows = runs.map(run => [
    run.name,
    String(run.steps),
    run.seconds.toFixed(1),
    run.msPerStep.toFixed(2),
    text(run.relativeL2),
    text(run.atLeastLoss.relativeL2),
    text(run.greatestError),
    run.loss.toExponential(3),
  ]);
  return [
    `${adapterLine(adapter)}, ${problem}`,
    table(['run', 'steps', 'seconds', 'ms/step', 'relative L2', 'at the least loss', 'greatest error', 'loss'], rows),
    ...fileLines(files, 24),
  ].join('\n');
}
