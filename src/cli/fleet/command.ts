/** `sepnn fleet`: represents every image of a folder, many at once, each by a model of its own. */

import { InputError, isInputError, RunError } from '../../errors.js';
import { sizeFor } from '../../experiments/image/size.js';
import type { AdapterReport } from '../../graph/engine.js';
import { type ListedImage, listImages, sizeOfImage } from '../../io/image/imageFolder.js';
import type { FleetReport } from '../../train/fleet/fleetOptions.js';
import { commandLine } from '../commandLine.js';
import type { Ending } from '../ending.js';
import { Engines } from '../engine.js';
import { requireShareable } from '../fit/options.js';
import { startFleetProgress } from '../progress.js';
import { messageOf, print, warn } from '../terminal.js';
import { requireMeaning } from '../training/needs.js';
import { modelNeeds, optimiserNeeds, requireConsistent } from '../training/options.js';
import { Command } from '../vendor.js';
import { addFleetOptions, askedOf, decisiveOf, type FleetOptions, requireQueueOptions, settingsOf } from './options.js';
import { type FleetPlan, requireSomePlan } from './plan.js';
import { type FleetQueue, openQueue, queuedImages, queueNameOf } from './queue.js';
import { clearFolders, isSheet, requireOwn, sheetFileOf, summaryOf, tableOf, writeTable } from './report.js';
import { digestOf, type FleetImage, type FleetRow, rowIn } from './results.js';
import { fitImages } from './run.js';
import { ownImages, type Source, type Standing } from './source.js';
import { printStatus } from './status.js';

export function fleetCommand(ending: Ending): Command {
  const command = new Command('fleet')
    .description('represent every image of a folder, many at once, each by a model of its own')
    .argument('<folder>');
  return addFleetOptions(command).action((folder: string, options: FleetOptions, given: Command) =>
    fleet(ending, folder, options, given),
  );
}

/** @throws InputError bad input, before the device is touched. @throws RunError where images failed, after the results of all. */
async function fleet(ending: Ending, folder: string, options: FleetOptions, given: Command): Promise<void> {
  const isTyped = (name: string) => given.getOptionValueSource(name) === 'cli';
  const { out, queue } = options;
  requireQueueOptions(options, given);
  requireMeaning(given, askedOf(options), { ...modelNeeds, ...optimiserNeeds });
  requireConsistent(askedOf(options), 2);
  requireShareable(askedOf(options));
  requireFleetable(options);
  if (options.status || options.clear) return lookAtQueue(folder, options);
  const images = await listImages(folder, [out, sheetFileOf(out)], isSheet);
  await requireOwn(out);
  const work = (shared?: FleetQueue) =>
    ending.patiently(() => fitFolder(ending, folder, images, options, isTyped, shared));
  if (queue === undefined) return ending.inFolder('--out', out, work);
  const shared = await openQueue(folder, options);
  try {
    // What each worker writes has a name of its own until it is whole.
    await ending.inSharedFolder('--out', out, () => work(shared));
  } finally {
    await shared.close();
  }
}

/** @throws InputError what only a model by itself can have. */
function requireFleetable({ topK }: FleetOptions): void {
  if (topK === 'auto') {
    throw new InputError('--top-k auto: is chosen image by image, and a fleet has one k: give a number');
  }
}

async function lookAtQueue(folder: string, options: FleetOptions): Promise<void> {
  const queue = await openQueue(folder, options);
  try {
    if (options.status) await printStatus(queue, folder, options);
    else {
      await queue.clear();
      if (!options.json) print(`${queueNameOf(folder, options)}: taken away`);
      else print(JSON.stringify({ cleared: queueNameOf(folder, options) }));
    }
  } finally {
    await queue.close();
  }
}

async function fitFolder(
  ending: Ending,
  folder: string,
  listed: readonly ListedImage[],
  options: FleetOptions,
  isTyped: (name: string) => boolean,
  queue: FleetQueue | undefined,
): Promise<void> {
  const { out, json } = options;
  const { signal } = ending;
  const key = digestOf(decisiveOf(options));
  const images = await sized(listed, key, options);
  const before = queue === undefined ? await rowsBefore(out, images) : [];
  const kept = new Set(before.map(({ name }) => name));
  const left = images.filter(({ name }) => !kept.has(name));
  const bar = startFleetProgress(json);
  let last: Standing = { done: before.length, failed: 0, all: images.length };
  const stands = (standing: Standing) => {
    last = standing;
    bar.update(standing.done + standing.failed, standing.all);
  };
  const engines = new Engines(options);
  try {
    const engine = await engines.open();
    requireSomePlan(
      engine,
      options,
      isTyped,
      images.map(({ size }) => size),
    );
    const source: Source = queue
      ? await queuedImages({ queue, folder, images: left, signal, stands })
      : ownImages(left, before, stands);
    const watch = {
      begun: ({ kind, why }: FleetPlan, batch: number) => {
        if (!json) warn(`${kind}: ${batch} at a time${why === '' ? '' : `; ${why}`}`);
      },
      report: ({ running }: Pick<FleetReport, 'running'>) =>
        bar.update(last.done + last.failed, last.all, headlineOf(running)),
      ended: ({ name, failed }: FleetRow) => {
        if (failed !== '') warn((failed.includes(name) ? failed : `${name}: ${failed}`).replaceAll('\n', ' '));
      },
      note: warn,
    };
    await fitImages({ options, isTyped, source, signal, watch }, engine, () => engines.open()).catch((error: Error) => {
      if (isInputError(error)) throw error;
      throw new RunError(`${messageOf(error)}: ${goingOn(ending, last)}`);
    });
    bar.stop();
    await conclude(ending, engines.current.adapter, source, options, last);
  } finally {
    bar.stop();
    await engines.dispose();
  }
}

async function conclude(
  ending: Ending,
  adapter: AdapterReport,
  source: Source,
  options: FleetOptions,
  standing: Standing,
): Promise<void> {
  const { out, json } = options;
  const rows = await source.rows();
  const table = tableOf(out, adapter, settingsOf(options), rows);
  const tell = () => print(json ? JSON.stringify(table) : summaryOf(table));
  if (rows.length > 0) {
    await writeTable(table, rows).catch((error: unknown) => {
      // What was fitted is told even where the disk is full.
      tell();
      throw error;
    });
  }
  if (rows.length === 0 || ending.signal.aborted) {
    throw ending.stopped(goingOn(ending, standing));
  }
  await clearFolders(out, table);
  tell();
  if (table.failed > 0) {
    const [first] = table.results.filter(({ failed }) => failed !== '');
    throw new RunError(
      `${table.failed} of ${table.results.length} images failed, ${first.name} the first: ${table.files.results} says why`,
    );
  }
}

function goingOn({ args }: Ending, { done, all }: Standing): string {
  return `${done} of ${all} images are done and kept: to go on: ${commandLine(args)}`;
}

/** Of the images that are done with these settings already. */
async function rowsBefore(out: string, images: readonly FleetImage[]): Promise<FleetRow[]> {
  const rows: FleetRow[] = [];
  for (const image of images) {
    const row = await rowIn(out, image);
    if (row) rows.push(row);
  }
  return rows;
}

/** Those of one size after each other, so that they go through one fleet: the smallest first. */
async function sized(
  listed: readonly ListedImage[],
  key: string,
  { size: option }: FleetOptions,
): Promise<FleetImage[]> {
  const images: { image: FleetImage; pixels: number }[] = [];
  for (const image of listed) {
    const own = option && 'width' in option ? option : await sizeOfImage(image.path);
    const { width, height } = own ? sizeFor(image.path, own, option, () => {}) : { width: 0, height: 0 };
    images.push({ image: { ...image, key, size: `${width}x${height}` }, pixels: width * height });
  }
  return images
    .sort((a, b) => a.pixels - b.pixels || compare(a.image.size, b.image.size) || compare(a.image.name, b.image.name))
    .map(({ image }) => image);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function headlineOf(running: readonly { readonly step: number; readonly steps: number }[]): string {
  const share = running.reduce((sum, { step, steps }) => sum + step / steps, 0) / Math.max(1, running.length);
  return `${running.length} under way, ${(100 * share).toFixed(0)} % of their steps`;
}
