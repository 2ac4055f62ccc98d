/**
 * Sums by which a file tells that it is not as it was written: a disk or a wire may turn a bit over, and a state that is off
 * by one trains on. They are of each tensor by itself, so that a file from which another program took some, or in which it
 * rounded them to another type, is read still.
 */

import { createHash } from 'node:crypto';
import { InputError } from '../../errors.js';
import { isRecord } from '../../host/checks.js';

/** Of the metadata of a file, where its sums stand as JSON. */
export const sumsKey = 'sepnn-sums';

type Metadata = Readonly<Record<string, string>>;

interface Summed {
  readonly name: string;
  readonly shape: readonly number[];
  /** Its numbers of F32, little-endian. */
  readonly bytes: Uint8Array;
}

/** The metadata with the sums of all tensors and of its own other texts. */
export function withSums(metadata: Metadata, tensors: readonly Summed[]): Metadata {
  const own = Object.fromEntries(tensors.map(tensor => [tensor.name, sumOf(tensor)]));
  return { ...metadata, [sumsKey]: JSON.stringify({ metadata: sumOfTexts(metadata), tensors: own }) };
}

/**
 * The metadata without the sums; a file of other programs, or of versions before, has none.
 *
 * @param tensors those of F32. @throws InputError what is not as it was written.
 */
export function requireSums(file: string, metadata: Metadata, tensors: readonly Summed[]): Metadata {
  const { [sumsKey]: text, ...others } = metadata;
  if (text === undefined) return others;
  const sums = parsed(text);
  const fail = (what: string): never => {
    throw new InputError(
      `model ${file}: ${what}: give the file as it was written, or, where it was changed on purpose, without ${sumsKey} in its metadata`,
    );
  };
  if (!isRecord(sums) || !isRecord(sums.tensors)) return fail('its sums are damaged');
  if (sums.metadata !== sumOfTexts(others)) fail('its metadata has another sum than when it was written');
  const own = sums.tensors;
  const other = tensors.find(tensor => Object.hasOwn(own, tensor.name) && own[tensor.name] !== sumOf(tensor));
  if (other) fail(`tensor ${other.name} has another sum than when it was written`);
  return others;
}

const digits = 16;

function sumOf({ shape, bytes }: Summed): string {
  return createHash('sha256').update(`${shape.join()}:`).update(bytes).digest('hex').slice(0, digits);
}

/** In the order of their names: other programs have another. */
function sumOfTexts(texts: Metadata): string {
  const all = Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, digits);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
