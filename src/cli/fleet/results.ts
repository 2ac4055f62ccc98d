/**
 * What is left of an image: its model, in which all that is told of it stands too. So an image is done once that file is
 * there, whole, by its one name, whoever was killed when.
 */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '../../errors.js';
import { isRecord } from '../../host/checks.js';
import { makeFolder } from '../../io/files.js';
import type { ListedImage } from '../../io/image/imageFolder.js';
import { readTraining } from '../../io/model/fileHeader.js';
import { writeModel } from '../../io/model/modelFile.js';
import type { Model } from '../../model/model.js';

/** What is told of an image. */
export interface FleetRow {
  /** Its path in the folder. */
  readonly name: string;
  /** In pixels, of what was fitted; 0 of an image that could not be read. */
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  /** From when it joined the others of its batch to its end. */
  readonly seconds: number;
  readonly loss: number | null;
  readonly psnr: number | null;
  /** Why there is no model of it; empty where there is. */
  readonly failed: string;
  /** Of the reconstruction, WebP in base64; empty where there is none. */
  readonly thumbnail: string;
}

/** Of a model file's settings. */
const fleetKey = 'fleet';

/** One image's part of a run of the command. */
export interface FleetImage extends ListedImage {
  /** Tells the settings from others. */
  readonly key: string;
  /** Of what is fitted, as its header has it, in pixels; none where that says nothing. */
  readonly size: string;
}

export function failedRow(name: string, failed: string): FleetRow {
  return { name, width: 0, height: 0, steps: 0, seconds: 0, loss: null, psnr: null, failed, thumbnail: '' };
}

/** Files and queues of other versions may hold something else. */
export function isRow(value: unknown): value is FleetRow {
  if (!isRecord(value)) return false;
  const { name, failed, thumbnail, loss, psnr } = value;
  const counts = [value.width, value.height, value.steps, value.seconds];
  return (
    [name, failed, thumbnail].every(text => typeof text === 'string') &&
    counts.every(count => Number.isFinite(count)) &&
    [loss, psnr].every(number => number === null || Number.isFinite(number))
  );
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/** With the ending of the image in it, since two may differ by that alone. */
export function modelFileOf(out: string, name: string): string {
  return join(out, `${name}.safetensors`);
}

/** @throws InputError an image whose model would have a name that is too long. */
export async function requireNameable(out: string, name: string): Promise<void> {
  const path = modelFileOf(out, name);
  const code = await stat(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (code === 'ENAMETOOLONG') {
    throw new InputError(`model ${path}: cannot be written (the name is too long): give the image a shorter one`);
  }
}

/** What was told of an image when its model was written with the same settings; undefined where that is still to be made. */
export async function rowIn(out: string, { name, key, bytes, modified }: FleetImage): Promise<FleetRow | undefined> {
  const training = await readTraining(modelFileOf(out, name));
  const kept = training?.[fleetKey];
  if (!isRecord(kept) || !isRow(kept.row)) return undefined;
  const isSame = kept.key === key && kept.bytes === bytes && kept.modified === modified;
  return isSame ? { ...kept.row, name } : undefined;
}

/** What an image came to. */
export interface FittedImage {
  readonly model: Model;
  readonly parameters: Float32Array;
  readonly row: FleetRow;
  /** The options as they were settled for it. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** @throws RunError a file that cannot be written. */
export async function writeResult(out: string, image: FleetImage, fitted: FittedImage): Promise<void> {
  const { model, parameters, row, settings } = fitted;
  const { key, bytes, modified } = image;
  const path = modelFileOf(out, image.name);
  await makeFolder(dirname(path));
  const training = { ...settings, [fleetKey]: { key, bytes, modified, row } };
  await writeModel(path, { model, state: { step: row.steps, parameters }, training });
}
