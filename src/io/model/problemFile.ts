/** Files of networks trained on a differential equation: a safetensors file with their parameters and their training. */

import type { StateArrays } from '../../buffer/namedTensors.js';
import { InputError } from '../../errors.js';
import { isRecord, shown } from '../../host/checks.js';
import type { ProblemState } from '../../pde/training/problemTrainer.js';
import type { SavedPreconditioner } from '../../precondition/preconditioner.js';
import { mostSteps, type ParameterState } from '../../train/trainedParameters.js';
import { writeWhole } from '../files.js';
import { requireFinite } from './parameterTensors.js';
import { type DecodedFile, encodeSafetensors, type NamedTensor } from './safetensors.js';
import { readTensorFile } from './tensorFile.js';

/** Of the metadata of the file, where the record stands as JSON. */
export const problemKey = 'sepnn-pde';
const formatVersion = 1;
const [parametersName, optimiserGroup, preconditionerGroup] = ['parameters', 'optimiser.', 'preconditioner.'];

export interface SavedProblem {
  /** Whatever the training is to be told again. */
  readonly training: Readonly<Record<string, unknown>>;
  readonly state: Required<ParameterState> & ProblemState;
}

/** Writes a training state, whole or not at all. */
export async function writeProblemFile(path: string, { training, state }: SavedProblem): Promise<void> {
  const { step, parameters, optimiser, preconditioner } = state;
  const tensors = new Map<string, NamedTensor>([[parametersName, { shape: [parameters.length], data: parameters }]]);
  const groups = { [optimiserGroup]: optimiser.state, [preconditionerGroup]: preconditioner?.state ?? {} };
  for (const [group, arrays] of Object.entries(groups)) {
    for (const [name, data] of Object.entries(arrays)) tensors.set(`${group}${name}`, { shape: [data.length], data });
  }
  const { name, since = 0 } = optimiser;
  const found = preconditioner && { name: preconditioner.name, topK: preconditioner.topK };
  const record = { version: formatVersion, step, optimiser: { name, since }, preconditioner: found, training };
  await writeWhole(path, encodeSafetensors({ tensors, metadata: { [problemKey]: JSON.stringify(record) } }));
}

/** @throws InputError a file that cannot be read, is damaged, or was not written by `writeProblemFile`. */
export async function readProblemFile(path: string): Promise<SavedProblem> {
  return problemIn(path, await readTensorFile(path));
}

/** The same from what the file holds. */
export function problemIn(path: string, { tensors, metadata }: DecodedFile): SavedProblem {
  const fail = (what: string): never => {
    throw new InputError(`model ${path}: ${what}: give a file that sepnn pde wrote`);
  };
  const record = parsed(metadata[problemKey]) ?? fail('holds no training on a differential equation');
  const { version, step, optimiser, preconditioner, training } = record;
  if (version !== formatVersion) fail(`is of format ${shown(version)}, and this sepnn reads ${formatVersion}`);
  if (!isCount(step)) return fail(`its step is ${shown(step)}`);
  const { name, since } = isRecord(optimiser) ? optimiser : {};
  if (typeof name !== 'string' || !isCount(since) || since > step) return fail(`its optimiser is ${shown(optimiser)}`);
  if (!isRecord(training)) return fail(`its settings are ${shown(training)}`);
  const parameters = tensors.get(parametersName)?.data ?? fail('holds no parameters');
  for (const [own, { data }] of tensors) requireFinite(`model ${path}: tensor ${own}`, data);
  const groupOf = (group: string): StateArrays =>
    Object.fromEntries(
      [...tensors].filter(([own]) => own.startsWith(group)).map(([own, { data }]) => [own.slice(group.length), data]),
    );
  if (preconditioner !== undefined && !isPreconditioner(preconditioner)) {
    return fail(`its preconditioner is ${shown(preconditioner)}`);
  }
  return {
    training,
    state: {
      step,
      parameters,
      optimiser: { name, since, state: groupOf(optimiserGroup) },
      ...(preconditioner && { preconditioner: { ...preconditioner, state: groupOf(preconditionerGroup) } }),
    },
  };
}

function isPreconditioner(value: unknown): value is Omit<SavedPreconditioner, 'state'> {
  if (!isRecord(value) || typeof value.name !== 'string') return false;
  return Array.isArray(value.topK) && value.topK.every(isCount);
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostSteps;
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
