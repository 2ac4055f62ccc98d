/** What a fleet leaves beside its models: a table of results, and a sheet of the reconstructions. */

import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../../errors.js';
import type { AdapterReport } from '../../graph/engine.js';
import { mostOf } from '../../host/arrays.js';
import { clearParts, writeWhole } from '../../io/files.js';
import { encodePng } from '../../io/image/picture.js';
import { contactSheet } from '../../io/image/thumbnail.js';
import { adapterLine, fileLines } from '../training/session.js';
import { type FleetRow, modelFileOf } from './results.js';

export interface FleetTable {
  readonly adapter: AdapterReport;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly done: number;
  readonly failed: number;
  /** Ascending by their names. */
  readonly results: readonly Omit<FleetRow, 'thumbnail'>[];
  readonly files: Readonly<Record<string, string>>;
}

const sheetName = 'contact-sheet.png';
const columns = ['name', 'size', 'steps', 'seconds', 'loss', 'psnr', 'failed'] as const;

function resultsFileOf(out: string): string {
  return join(out, 'results.csv');
}

export function sheetFileOf(out: string): string {
  return join(out, sheetName);
}

/** Whether a folder has results of a fleet; undefined where nothing there has that name. */
async function hasResults(out: string): Promise<boolean | undefined> {
  const text = await readFile(resultsFileOf(out), 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text === 'string') return text.startsWith(`${columns.join(',')}\n`);
  return text.code === 'ENOENT' ? undefined : true; // what else is in the way is told when it is written
}

/** Whether a file is the contact sheet of a fleet, beside its results, and no image of a host's. */
export async function isSheet(path: string): Promise<boolean> {
  return basename(path) === sheetName && (await hasResults(dirname(path))) === true;
}

/** @throws InputError files in the way of a fleet's own that no fleet has written. */
export async function requireOwn(out: string): Promise<void> {
  const results = await hasResults(out);
  const sheet = await stat(sheetFileOf(out)).catch(() => undefined);
  if (results === true || (results === undefined && !sheet?.isFile())) return;
  const file = results === undefined ? sheetFileOf(out) : resultsFileOf(out);
  throw new InputError(
    `--out ${out}: ${file} is no fleet's, and would be written over: move it, or give another folder`,
  );
}

export function tableOf(
  out: string,
  adapter: AdapterReport,
  settings: Readonly<Record<string, unknown>>,
  rows: readonly FleetRow[],
): FleetTable {
  const failed = rows.filter(row => row.failed !== '').length;
  const results = rows.map(({ thumbnail: _, ...row }) => row).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = { results: resultsFileOf(out), 'contact sheet': sheetFileOf(out), models: out };
  return { adapter, settings, done: rows.length - failed, failed, results, files };
}

/** @throws RunError a file that cannot be written. */
export async function writeTable({ results, files }: FleetTable, found: readonly FleetRow[]): Promise<void> {
  const rows = [...found].sort((a, b) => (a.name < b.name ? -1 : 1));
  await writeWhole(files.results, csvOf(results));
  const pictures = rows.map(({ thumbnail }) => (thumbnail === '' ? undefined : Buffer.from(thumbnail, 'base64')));
  const longest = mostOf(rows, ({ width, height }) => Math.max(width, height));
  await writeWhole(files['contact sheet'], await encodePng(await contactSheet(pictures, longest)));
}

/** Takes away what was begun by those that were killed, once nobody writes there any more. */
export async function clearFolders(out: string, { results }: FleetTable): Promise<void> {
  const folders = new Set(results.map(({ name }) => dirname(modelFileOf(out, name))));
  for (const folder of folders) await clearParts(folder).catch(() => {}); // of images that failed there is none
}

function csvOf(rows: FleetTable['results']): string {
  const lines = rows.map(({ name, width, height, steps, seconds, loss, psnr, failed }) =>
    [name, width > 0 ? `${width}x${height}` : '', steps, seconds.toFixed(3), loss ?? '', psnr ?? '', failed]
      .map(cell)
      .join(','),
  );
  return [columns.join(','), ...lines].map(line => `${line}\n`).join('');
}

/** In quotes where it would be read as several. */
function cell(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function summaryOf({ adapter, done, failed, results, files }: FleetTable): string {
  const ratios = results.flatMap(({ psnr }) => (psnr === null ? [] : [psnr])).sort((a, b) => a - b);
  const middle = ratios[Math.floor(ratios.length / 2)];
  const quality =
    ratios.length === 0
      ? ''
      : `, PSNR ${ratios[0].toFixed(2)} to ${ratios.at(-1)?.toFixed(2)} dB, median ${middle.toFixed(2)}`;
  return [
    `${adapterLine(adapter)}, ${done} image${done === 1 ? '' : 's'} done, ${failed} failed${quality}`,
    ...fileLines(files),
  ].join('\n');
}
