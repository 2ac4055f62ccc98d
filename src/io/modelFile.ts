/** Trained models as safetensors files: parameters by name, the architecture in the metadata, and the training state. */

import { sizeOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { architecture } from '../factor/network.js';
import type { Activation } from '../ops/factorNetwork.js';
import {
  contractionParameterShapes,
  cpModel,
  modelKinds,
  modelParameterShapes,
  networkParameterShapes,
  type SeparableModel,
  ttModel,
  tuckerModel,
} from '../separable/model.js';
import type { TrainerState } from '../train/trainer.js';
import { readBytes, writeWhole } from './files.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from './safetensors.js';

/** Raised when a file can no longer be read by what was written for the last. */
const formatVersion = 1;
const metadataKey = 'sepnn';
const mostBytes = 8e9;

export interface SavedModel {
  readonly model: SeparableModel;
  readonly state: TrainerState;
  /** Settings of the training, to compare when it goes on. */
  readonly training: Readonly<Record<string, unknown>>;
}

/** Writes a model with its training state, whole or not at all. */
export async function writeModel(path: string, { model, state, training }: SavedModel): Promise<void> {
  const tensors = new Map<string, NamedTensor>();
  for (const [group, values] of Object.entries(parameterGroups(state))) {
    addParameters(tensors, group, model, values);
  }
  if (state.vectors && state.scaled) {
    tensors.set('sepPgd.vectors', { shape: [state.vectors.length], data: state.vectors });
    tensors.set('sepPgd.scaled', { shape: [state.scaled.length], data: state.scaled });
  }
  const metadata = { [metadataKey]: JSON.stringify({ version: formatVersion, model, step: state.step, training }) };
  await writeWhole(path, encodeSafetensors({ tensors, metadata }));
}

/** @throws InputError a file that cannot be read, is damaged, or was not written by `writeModel`. */
export async function readModel(path: string): Promise<SavedModel> {
  const { tensors, metadata } = decodeSafetensors(path, await readBytes('model', path, mostBytes));
  const { model, step, training } = parseMetadata(path, metadata);
  const group = (name: string) => collectParameters(path, tensors, name, model);
  const [vectors, scaled] = [tensors.get('sepPgd.vectors')?.data, tensors.get('sepPgd.scaled')?.data];
  return {
    model,
    training,
    state: {
      step,
      parameters: group(''),
      firstMoment: group('firstMoment.'),
      secondMoment: group('secondMoment.'),
      ...(vectors && scaled && { vectors, scaled }),
    },
  };
}

function parameterGroups(state: TrainerState): Readonly<Record<string, Float32Array>> {
  return { '': state.parameters, 'firstMoment.': state.firstMoment, 'secondMoment.': state.secondMoment };
}

/** channel0.axis1.layer2: where in a model a matrix [W | b] stands. */
function layerNames(model: SeparableModel): string[] {
  const { grid, network } = model;
  return networkParameterShapes(model).map((_, i) => {
    const layer = i % network.depth;
    const axis = Math.floor(i / network.depth) % grid.length;
    const channel = Math.floor(i / network.depth / grid.length);
    return `channel${channel}.axis${axis}.layer${layer}`;
  });
}

/** channel0.core: a Tucker model's. */
function coreName(channel: number): string {
  return `channel${channel}.core`;
}

/** [W | b] as W, (outputs, inputs), and b, (outputs); a core as it is. */
function addParameters(
  tensors: Map<string, NamedTensor>,
  group: string,
  model: SeparableModel,
  values: Float32Array,
): void {
  const names = layerNames(model);
  let at = 0;
  networkParameterShapes(model).forEach(([rows, columns], i) => {
    const inputs = columns - 1;
    const weight = new Float32Array(rows * inputs);
    const bias = new Float32Array(rows);
    for (let row = 0; row < rows; row++, at += columns) {
      weight.set(values.subarray(at, at + inputs), row * inputs);
      bias[row] = values[at + inputs];
    }
    tensors.set(`${group}${names[i]}.weight`, { shape: [rows, inputs], data: weight });
    tensors.set(`${group}${names[i]}.bias`, { shape: [rows], data: bias });
  });
  contractionParameterShapes(model).forEach((shape, channel) => {
    tensors.set(`${group}${coreName(channel)}`, { shape, data: values.slice(at, at + sizeOf(shape)) });
    at += sizeOf(shape);
  });
}

function collectParameters(
  path: string,
  tensors: ReadonlyMap<string, NamedTensor>,
  group: string,
  model: SeparableModel,
): Float32Array {
  const take = (name: string, count: number): Float32Array => {
    const data = tensors.get(name)?.data;
    if (data?.length === count) return data;
    throw new InputError(
      `model ${path}: tensor ${name} is ${data ? `${data.length} numbers, not ${count}` : 'missing'}`,
    );
  };
  const names = layerNames(model);
  const values = new Float32Array(modelParameterShapes(model).reduce((sum, shape) => sum + sizeOf(shape), 0));
  let at = 0;
  networkParameterShapes(model).forEach(([rows, columns], i) => {
    const inputs = columns - 1;
    const weight = take(`${group}${names[i]}.weight`, rows * inputs);
    const bias = take(`${group}${names[i]}.bias`, rows);
    for (let row = 0; row < rows; row++, at += columns) {
      values.set(weight.subarray(row * inputs, (row + 1) * inputs), at);
      values[at + inputs] = bias[row];
    }
  });
  contractionParameterShapes(model).forEach((shape, channel) => {
    values.set(take(`${group}${coreName(channel)}`, sizeOf(shape)), at);
    at += sizeOf(shape);
  });
  return values;
}

interface Metadata {
  readonly model: SeparableModel;
  readonly step: number;
  readonly training: Readonly<Record<string, unknown>>;
}

function parseMetadata(path: string, metadata: Readonly<Record<string, string>>): Metadata {
  const text = metadata[metadataKey];
  if (text === undefined) throw new InputError(`model ${path}: holds no model of sepnn: give a file that sepnn wrote`);
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new InputError(`model ${path}: its metadata is no JSON: give a file that sepnn wrote`);
  }
  if (parsed?.version !== formatVersion) {
    throw new InputError(
      `model ${path}: is of format ${String(parsed?.version)}, and this sepnn reads ${formatVersion}: use a newer sepnn`,
    );
  }
  if (!Number.isSafeInteger(parsed.step) || (parsed.step as number) < 0) {
    throw new InputError(`model ${path}: its step is ${String(parsed.step)}: give a file that sepnn wrote`);
  }
  return {
    model: checkedModel(path, parsed.model),
    step: parsed.step as number,
    training: (parsed.training ?? {}) as Readonly<Record<string, unknown>>,
  };
}

/** The model that the metadata describes, through the same checks as one that is newly made. */
function checkedModel(path: string, value: unknown): SeparableModel {
  try {
    const given = value as SeparableModel;
    const { kind, grid, channels, scale, network } = given;
    if (!modelKinds.includes(kind)) {
      throw new InputError(`kind: '${String(kind)}' is unknown: there are ${modelKinds.join(', ')}`);
    }
    const { width, depth, activation, omegas, frequencies } = network;
    const checked = architecture({ width, depth, activation: activation as Activation, omega: omegas, frequencies });
    const common = { grid, channels, scale, network: checked };
    if (given.kind === 'cp') return cpModel({ ...common, rank: given.rank });
    const { ranks } = given;
    return given.kind === 'tt' ? ttModel({ ...common, ranks }) : tuckerModel({ ...common, ranks });
  } catch (error) {
    throw new InputError(
      `model ${path}: describes no model (${(error as Error).message}): give a file that sepnn wrote`,
    );
  }
}
