/** The metadata of a model file: what it says of its model and of its training. */

import { sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { isRecord, shown } from '../../host/checks.js';
import { type Codec, modelOf } from '../../model/codec.js';
import { axisPoints } from '../../model/domain/domain.js';
import type { Model } from '../../model/model.js';
import { mostSteps } from '../../train/trainedParameters.js';
import { upgradeFields, upgradeModel } from './oldVersions.js';
import { problemKey } from './problemFile.js';

/** Raised when a file can no longer be read by what was written for the last. */
export const formatVersion = 3;
/** Of the metadata of a safetensors file, where the record stands as JSON. */
export const metadataKey = 'sepnn';

export interface FileRecord {
  readonly model: Model;
  readonly step: number;
  /** Undefined where the state has none. */
  readonly optimiser: { readonly name: string; readonly since: number } | undefined;
  readonly preconditioner: string | undefined;
  readonly topK: readonly number[] | undefined;
  readonly training: Readonly<Record<string, unknown>>;
  /** Of the format. */
  readonly version: number;
}

/** @throws InputError metadata that `writeModel` does not write. */
export function parseRecord(path: string, metadata: Readonly<Record<string, string>>, codec?: Codec): FileRecord {
  const remedy = 'give a file that sepnn wrote';
  const text = metadata[metadataKey];
  if (text === undefined) {
    if (Object.hasOwn(metadata, problemKey)) {
      throw new InputError(
        `model ${path}: is of sepnn pde, and only pde and render read it: give a file of another command`,
      );
    }
    throw new InputError(`model ${path}: holds no model of sepnn: ${remedy}`);
  }
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new InputError(`model ${path}: its metadata is no JSON: ${remedy}`);
  }
  const { version } = parsed ?? {};
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version > formatVersion) {
    const newer = typeof version === 'number' && version > formatVersion;
    throw new InputError(
      `model ${path}: is of format ${shown(version)}, and this sepnn reads up to ${formatVersion}: ${newer ? 'use a newer sepnn' : remedy}`,
    );
  }
  const { model: described, step, optimiser, preconditioner, topK, training = {} } = upgradeFields(version, parsed);
  if (!Number.isInteger(step) || (step as number) < 0 || (step as number) > mostSteps) {
    throw new InputError(`model ${path}: its step is ${shown(step)}: ${remedy}`);
  }
  if (preconditioner !== undefined && typeof preconditioner !== 'string') {
    throw new InputError(`model ${path}: its preconditioner is ${shown(preconditioner)}: ${remedy}`);
  }
  if (!isRecord(training)) {
    throw new InputError(`model ${path}: its settings are ${shown(training)}: ${remedy}`);
  }
  const model = checked(path, () => modelOf(upgradeModel(version, described), codec));
  return {
    model,
    step: step as number,
    optimiser: checkedOptimiser(path, optimiser, step as number),
    preconditioner,
    topK: checkedTopK(path, topK, model),
    training: training as Readonly<Record<string, unknown>>,
    version,
  };
}

/** The optimiser's name and the step at which it started. */
function checkedOptimiser(path: string, optimiser: unknown, step: number): FileRecord['optimiser'] {
  if (optimiser === undefined) return undefined;
  const { name, since } = (optimiser ?? {}) as Record<string, unknown>;
  if (typeof name === 'string' && typeof since === 'number' && Number.isInteger(since) && since >= 0 && since <= step)
    return { name, since };
  throw new InputError(`model ${path}: its optimiser is ${shown(optimiser)}: give a file that sepnn wrote`);
}

/** What the metadata or the tensors describe, with the file's name on what is wrong with it. */
export function checked<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new InputError(
      `model ${path}: describes no model (${(error as Error).message}): give a file that sepnn wrote`,
    );
  }
}

/** k of each axis, or of the model as a whole. */
function checkedTopK(path: string, topK: unknown, { domain }: Model): readonly number[] | undefined {
  if (topK === undefined) return undefined;
  const most = Array.isArray(topK) && topK.length === 1 ? [sizeOf(domain.shape)] : axisPoints(domain);
  const fits = (k: unknown, i: number) => Number.isInteger(k) && (k as number) >= 1 && (k as number) <= most[i];
  if (Array.isArray(topK) && topK.length === most.length && topK.every(fits)) return topK;
  throw new InputError(`model ${path}: its k is ${shown(topK)}: give a file that sepnn wrote`);
}
