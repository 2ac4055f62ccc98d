/** What `sepnn surface` does: an occupancy, a model of it, and the surface of that model beside the one it came from. */

import { join } from 'node:path';
import type { OccupancyMeasured } from '../../experiments/occupancy.js';
import type { FinishedRun, RunCosts } from '../../experiments/trainingRun.js';
import type { VoxelGrid } from '../../geometry/fill.js';
import type { Mesh } from '../../geometry/mesh.js';
import { drawMesh } from '../../geometry/view.js';
import type { AdapterReport } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { besideEachOther, encodePng } from '../../io/image/picture.js';
import { loadSharp } from '../../io/image/sharp.js';
import { encodeMesh } from '../../io/mesh/meshFile.js';
import { linePlot } from '../../io/plot.js';
import { evaluateTiles } from '../../model/evaluate.js';
import type { Model } from '../../model/model.js';
import { type Tile, tilesOfRows } from '../../model/tiles.js';
import type { Ending } from '../ending.js';
import { print, table, warn } from '../terminal.js';
import { modelOf } from '../training/model.js';
import { requireMeaning, withoutIdle } from '../training/needs.js';
import { modelNeeds, requireConsistent, requireSubgrids } from '../training/options.js';
import { resumedFrom, savedAt } from '../training/resume.js';
import {
  adapterLine,
  costColumns,
  fileLines,
  nameOfRun,
  runRow,
  type SessionResult,
  trainingSession,
} from '../training/session.js';
import { topKOf } from '../training/topK.js';
import type { Command } from '../vendor.js';
import { loadSurface, occupancyOf, type SurfaceData, surfaceOf } from './data.js';
import { axes, type SurfaceOptions, surfaceDefaults, surfaceNeeds } from './options.js';
import { levelOf, surfaceTask } from './task.js';

export interface SurfaceRunReport extends RunCosts, OccupancyMeasured {
  /** [step, IoU], [step, loss]. */
  readonly curve: readonly (readonly [number, number])[];
  readonly losses: readonly (readonly [number, number])[];
}

export interface SurfaceReport {
  readonly adapter: AdapterReport;
  /** Points of the grid, where its first lies in the mesh's own coordinates, and from one to the next. */
  readonly grid: VoxelGrid;
  /** Points of it that lie inside. */
  readonly inside: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly SurfaceRunReport[];
  readonly files: Readonly<Record<string, string>>;
}

type SurfaceRun = FinishedRun<OccupancyMeasured>;

const picturePixels = 512;

/** @throws InputError bad input, before the device is touched. @throws RunError for a loss that is not finite, after what is good was written. */
export async function surface(ending: Ending, file: string, options: SurfaceOptions, given: Command): Promise<void> {
  const needs = surfaceNeeds(file);
  requireMeaning(given, options, { ...modelNeeds, ...needs });
  requireConsistent(options, axes.length);
  await loadSharp(); // it draws only at the end, and would be missed too late
  const source = await loadSurface(file, options);
  if ('mesh' in source) for (const remark of source.mesh.remarks) warn(`mesh ${file}: ${remark}`);
  const { shape } = source.grid;
  requireSubgrids(options, shape);
  const model = modelOf(shape, 1, options);
  const topK = topKOf(shape, options, surfaceDefaults.topK);
  const settled = withoutIdle({ ...options, topK }, needs);
  const resume = resumedFrom(await savedAt(options.resume), model, settled);
  const words = { size: shape.join('x'), data: 'volume' };
  let data: SurfaceData | undefined;
  const prepare = () => {
    data = occupancyOf(file, source);
    return surfaceTask(model, data.inside, options);
  };
  await trainingSession(ending, { model, topK, resume, words }, settled, prepare, async result => {
    const report = await writeResults(result, model, data as SurfaceData, settled);
    print(options.json ? JSON.stringify(report) : summary(report, result.runs));
  });
}

/** What says how it went first, meshes and pictures after. */
async function writeResults(
  { engine, adapter, runs, models }: SessionResult<OccupancyMeasured>,
  model: Model,
  data: SurfaceData,
  options: SurfaceOptions,
): Promise<SurfaceReport> {
  const { out, json: _, ...settings } = options;
  const files = {
    mesh: join(out, `reconstruction.${options.format}`),
    picture: join(out, 'surfaces.png'),
    curves: join(out, 'iou.svg'),
    losses: join(out, 'loss.svg'),
    metrics: join(out, 'metrics.json'),
    ...models,
  };
  const report: SurfaceReport = {
    adapter,
    grid: data.grid,
    inside: data.inside.reduce((sum, one) => sum + one, 0),
    settings,
    runs: runs.map(({ costs, measured, reports }) => ({
      ...costs,
      ...measured,
      curve: reports.map(([step, { iou }]) => [step, iou]),
      losses: reports.map(([step, { loss }]) => [step, loss]),
    })),
    files,
  };
  await writeWhole(files.metrics, `${JSON.stringify(report, null, 2)}\n`);
  const level = levelOf(options.loss);
  const surfaces: Mesh[] = [];
  for (const { state } of runs) {
    const tiles = tilesOfRows(evaluateTiles(engine, model, state.parameters), data.grid.shape, 1);
    surfaces.push(await surfaceOf(valuesOf(tiles), data.grid, level));
  }
  const last = surfaces.at(-1) as Mesh;
  if (last.triangles.length === 0) warn(`the model is nowhere above ${level}: its surface is empty`);
  await writeWhole(files.mesh, encodeMesh(last, options.format));
  await writeWhole(files.picture, await pictureOf([data.surface, ...surfaces], data.grid, options));
  await writeWhole(
    files.curves,
    plotOf(report, 'IoU', run => run.curve),
  );
  await writeWhole(
    files.losses,
    plotOf(report, 'loss', run => run.losses),
  );
  return report;
}

async function* valuesOf(tiles: AsyncIterable<Tile>): AsyncGenerator<Float32Array, void, void> {
  for await (const { values } of tiles) yield values;
}

/** The meshes beside each other, all from one viewpoint at one scale. */
function pictureOf(meshes: readonly Mesh[], { shape, origin, spacing }: VoxelGrid, { up }: SurfaceOptions) {
  const greatest = shape.map((n, axis) => origin[axis] + spacing * (n - 1));
  const view = { box: { least: origin, greatest }, up: axes.indexOf(up), pixels: picturePixels };
  return encodePng(besideEachOther(meshes.map(mesh => drawMesh(mesh, view))));
}

function plotOf(
  { runs, grid }: SurfaceReport,
  y: string,
  pointsOf: (run: SurfaceRunReport) => readonly (readonly [number, number])[],
): string {
  const lines = runs.map(run => ({ name: nameOfRun(run.preconditioner), points: pointsOf(run) }));
  return linePlot(lines, { title: grid.shape.join(' x '), x: 'step', y, logarithmic: { y: y === 'loss' } });
}

function summary({ adapter, grid, inside, files }: SurfaceReport, runs: readonly SurfaceRun[]): string {
  const rows = runs.map(run => runRow(run, [run.measured.iou.toFixed(4)]));
  return [
    `${adapterLine(adapter)}, ${grid.shape.join(' x ')}, ${inside} points inside`,
    table(['run', 'steps', 'IoU', ...costColumns], rows),
    ...fileLines(files),
  ].join('\n');
}
