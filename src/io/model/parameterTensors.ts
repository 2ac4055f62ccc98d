/** A model's parameters as named tensors of a file: W and b apart, what contraction and readout hold as it is. */

import { sizeOf, sizeOfAll } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { type Model, modelParameterShapes, networksOf } from '../../model/model.js';
import { parametersOf } from '../../model/parameters.js';
import type { DecodedFile, NamedTensor } from './safetensors.js';

/** What a model claims to be against what its file holds, before memory is taken for the claim. */
export function requireHeld(path: string, model: Model, { tensors, unread }: DecodedFile): void {
  const fail = (claims: string, holds: string): never => {
    throw new InputError(`model ${path}: describes a model of ${claims}, and holds ${holds}: give a whole file`);
  };
  // Counted apart: the list of the layers' shapes may itself be too long.
  const layers = networksOf(model).length * model.network.depth;
  const count = tensors.size + unread.size;
  if (2 * layers > count) fail(`${layers} layers`, `${count} tensors`);
  const numbers = sizeOfAll(modelParameterShapes(model));
  const held = [...tensors.values(), ...unread.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (numbers > held) fail(`${numbers} parameters`, `${held} numbers`);
}

/** [W | b] as W, (outputs, inputs), and b, (outputs); what contraction and readout are trained in as it is. */
export function addParameters(tensors: Map<string, NamedTensor>, model: Model, values: Float32Array): void {
  let at = 0;
  for (const { name, shape, place } of parametersOf(model)) {
    const own = values.subarray(at, at + sizeOf(shape));
    at += own.length;
    if (tensors.has(place ? `${name}.weight` : name)) {
      throw new InputError(
        `parameter ${name}: there are two of this name: give that of the contraction or of the readout another`,
      );
    }
    if (!place) {
      tensors.set(name, { shape, data: own.slice() });
      continue;
    }
    const [rows, columns] = shape;
    const inputs = columns - 1;
    const weight = new Float32Array(rows * inputs);
    const bias = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      weight.set(own.subarray(row * columns, row * columns + inputs), row * inputs);
      bias[row] = own[row * columns + inputs];
    }
    tensors.set(`${name}.weight`, { shape: [rows, inputs], data: weight });
    tensors.set(`${name}.bias`, { shape: [rows], data: bias });
  }
}

/** Where parameters, or others of their shapes, are sought. */
interface Source {
  readonly path: string;
  readonly file: DecodedFile;
  readonly model: Model;
  /** How the file calls a parameter, where that is not its name. */
  readonly called?: (name: string) => string;
  /** Whether a number that is not finite is refused. */
  readonly mustBeFinite?: boolean;
}

const itself = (name: string) => name;

/** Whether the file has a tensor for each. */
export function holdsParameters({ file: { tensors }, model, called = itself }: Source): boolean {
  return parametersOf(model).every(({ name, place }) =>
    (place ? [`${called(name)}.weight`, `${called(name)}.bias`] : [called(name)]).every(tensor => tensors.has(tensor)),
  );
}

/** @throws InputError a tensor that is missing, of a type that is not read, or of another size. */
export function collectParameters({ path, file, model, called = itself, mustBeFinite }: Source): Float32Array {
  const take = (name: string, count: number): Float32Array => {
    const data = file.tensors.get(name)?.data;
    if (data?.length === count) {
      if (mustBeFinite) requireFinite(`model ${path}: tensor ${name}`, data);
      return data;
    }
    const type = file.unread.get(name)?.type;
    if (type) throw new InputError(`model ${path}: tensor ${name} is of ${type}: give F32, F16, BF16 or F64`);
    throw new InputError(
      `model ${path}: tensor ${name} is ${data ? `${data.length} numbers, not ${count}` : 'missing'}`,
    );
  };
  const values = new Float32Array(sizeOfAll(modelParameterShapes(model)));
  let at = 0;
  for (const { name, shape, place } of parametersOf(model)) {
    if (!place) {
      values.set(take(called(name), sizeOf(shape)), at);
      at += sizeOf(shape);
      continue;
    }
    const [rows, columns] = shape;
    const inputs = columns - 1;
    const weight = take(`${called(name)}.weight`, rows * inputs);
    const bias = take(`${called(name)}.bias`, rows);
    for (let row = 0; row < rows; row++, at += columns) {
      values.set(weight.subarray(row * inputs, (row + 1) * inputs), at);
      values[at + inputs] = bias[row];
    }
  }
  return values;
}

/** @throws InputError at the first number that is none in float32. */
export function requireFinite(what: string, data: Float32Array): void {
  // Not findIndex, whose call for every number takes seconds where there are a thousand million.
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new InputError(`${what} holds ${data[i]} at ${i}: give a file whose numbers are finite in float32`);
  }
}
