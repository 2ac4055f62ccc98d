import type { StateArrays } from '../../buffer/namedTensors.js';
import { InputError } from '../../errors.js';
import { isRecord, requireCount, requireOptions, shown } from '../../host/checks.js';
import { type Codec, describeModel } from '../../model/codec.js';
import { coordinateTensors, withCoordinates } from '../../model/coordinates.js';
import { type Model, parameterCount } from '../../model/model.js';
import { mostSteps } from '../../train/trainedParameters.js';
import type { TrainerState } from '../../train/trainer.js';
import { writeWhole } from '../files.js';
import { checked, formatVersion, metadataKey, parseRecord } from './fileRecord.js';
import { calledIn, upgradeFile } from './oldVersions.js';
import { addParameters, collectParameters, requireHeld } from './parameterTensors.js';
import { type DecodedFile, decodeSafetensors, encodeSafetensors, type NamedTensor } from './safetensors.js';
import { readTensorFile } from './tensorFile.js';

/** What a model file holds. */
export interface SavedModel {
  /** With its domain, but for coordinates that the file does not have. */
  readonly model: Model;
  /** As `Trainer.state` gave it: for `Trainer.restore`, and its parameters for `evaluate`. */
  readonly state: TrainerState;
  /** Settings of the training, to compare when it goes on. */
  readonly training: Readonly<Record<string, unknown>>;
}

/** What is written: `training` may be left out where nothing is to be compared. */
export type ModelToSave = Omit<SavedModel, 'training'> & Partial<Pick<SavedModel, 'training'>>;

/**
 * Writes a model with its training state, whole or not at all.
 *
 * @param codec a host's own values, by the names under which `readModel` is to find them.
 * @throws InputError what no file could be read with: a value without a name there, a state of another model, or one whose
 *   parameters are not finite.
 */
export async function writeModel(path: string, saved: ModelToSave, codec?: Codec): Promise<void> {
  requireOptions('writeModel', saved, { model: true, state: true, training: true });
  const { model, state, training = {} } = saved;
  requireState(model, state);
  const tensors = new Map<string, NamedTensor>();
  addParameters(tensors, model, state.parameters);
  for (const [name, data] of Object.entries(coordinateTensors(model.domain, codec))) tensors.set(name, data);
  const { step, optimiser, preconditioner } = state;
  for (const [group, values] of Object.entries({
    optimiser: optimiser?.state,
    preconditioner: preconditioner?.state,
  })) {
    for (const [name, data] of Object.entries(values ?? {})) {
      tensors.set(`${group}.${name}`, { shape: [data.length], data });
    }
  }
  const record = {
    version: formatVersion,
    model: describeModel(model, codec),
    step,
    ...(optimiser && { optimiser: { name: optimiser.name, since: optimiser.since ?? 0 } }),
    ...(preconditioner && { preconditioner: preconditioner.name, topK: preconditioner.topK }),
    training,
  };
  await writeWhole(path, encodeSafetensors({ tensors, metadata: { [metadataKey]: JSON.stringify(record) } }));
}

function requireState(model: Model, state: TrainerState): void {
  if (!isRecord(state)) throw new InputError(`state: ${shown(state)} is none: give what Trainer.state gives`);
  const { step, parameters } = state;
  requireCount('step', step, 0, mostSteps);
  const count = parameterCount(model);
  if (!(parameters instanceof Float32Array) || parameters.length !== count) {
    const given = parameters instanceof Float32Array ? parameters.length : shown(parameters);
    throw new InputError(`parameters: takes a Float32Array of ${count} numbers, got ${given}`);
  }
  const bad = parameters.findIndex(value => !Number.isFinite(value));
  if (bad >= 0) throw new InputError(`parameters at ${bad}: ${parameters[bad]}: give a state from before`);
}

/**
 * Reads a model with its training state. A file of weights alone is read too, to evaluate its model: a trainer cannot go
 * on exactly from it.
 *
 * @param codec a host's own values, by the names under which `writeModel` has put them.
 * @throws InputError a file that cannot be read, is damaged, was not written by `writeModel`, or has a parameter that is
 *   not finite.
 */
export async function readModel(path: string, codec?: Codec): Promise<SavedModel> {
  return modelIn(path, await readTensorFile(path), codec);
}

/** The same from the bytes of a file. */
export function decodeModel(path: string, bytes: Uint8Array, codec?: Codec): SavedModel {
  return modelIn(path, decodeSafetensors(path, bytes), codec);
}

/** The same from what the file holds. */
export function modelIn(path: string, given: DecodedFile, codec?: Codec): SavedModel {
  const { model, step, preconditioner, topK, training, ...record } = parseRecord(path, given.metadata, codec);
  requireHeld(path, model, given);
  const { file, optimiser } = upgradeFile({ path, model, file: given, ...record });
  const { tensors } = file;
  const state: TrainerState = {
    step,
    parameters: collectParameters({ path, model, file, called: calledIn(record.version), mustBeFinite: true }),
    ...(optimiser && { optimiser: { ...optimiser, state: groupOf(tensors, 'optimiser.') } }),
    ...(preconditioner !== undefined && {
      preconditioner: { name: preconditioner, ...(topK && { topK }), state: groupOf(tensors, 'preconditioner.') },
    }),
  };
  return { model: modelWithCoordinates(path, model, tensors, codec), training, state };
}

function groupOf(tensors: ReadonlyMap<string, NamedTensor>, group: string): StateArrays {
  const own = [...tensors].filter(([name]) => name.startsWith(group));
  return Object.fromEntries(own.map(([name, { data }]) => [name.slice(group.length), data]));
}

function modelWithCoordinates(
  path: string,
  model: Model,
  tensors: ReadonlyMap<string, NamedTensor>,
  codec?: Codec,
): Model {
  return checked(path, () => withCoordinates(model, name => tensors.get(name)?.data, codec));
}
