/** The safetensors format: a JSON header of names, shapes and offsets, then the numbers, little-endian. */

import { InputError } from '../../errors.js';
import { isRecord, spelled } from '../../host/checks.js';
import { requireSums, withSums } from './sums.js';
import { bitsOfType, readers } from './tensorTypes.js';
import { twiceNamed } from './twiceNamed.js';

export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor of a type that is not read. */
export interface UnreadTensor {
  readonly shape: readonly number[];
  readonly type: string;
}

export interface DecodedFile extends TensorFile {
  /** Those of other types than F32, F16, BF16 and F64: a file may hold more than a model. */
  readonly unread: ReadonlyMap<string, UnreadTensor>;
}

const mostHeaderBytes = 100e6;

/** The file as bytes, with sums; tensors in the map's order, each at a multiple of 8 bytes from the file's start. */
export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  const parts = [...tensors].map(([name, { shape, data }]) => ({ name, shape, bytes: bytesOf(data) }));
  const header: Record<string, unknown> = { __metadata__: withSums(metadata, parts) };
  let offset = 0;
  for (const { name, shape, bytes } of parts) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  let json = new TextEncoder().encode(JSON.stringify(header));
  const paddedLength = Math.ceil(json.length / 8) * 8;
  const spaces = new Uint8Array(paddedLength).fill(0x20);
  spaces.set(json);
  json = spaces;
  const bytes = new Uint8Array(8 + json.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  let at = 8 + json.length;
  for (const { bytes: own } of parts) {
    bytes.set(own, at);
    at += own.length;
  }
  return bytes;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Reads the format. Everything the header says is checked against the file before it is used, so that a file costs no
 * more than twice the memory that it has bytes, whatever it claims. Numbers of F16, BF16 and F64 become float32.
 *
 * @param name the file's, for errors.
 * @throws InputError a file that is cut short, a header that is no such JSON or names something twice, offsets that do not
 *   fit, or what is not as it was written.
 */
export function decodeSafetensors(name: string, bytes: Uint8Array): DecodedFile {
  const fail: Fail = what => {
    throw new InputError(`model ${name}: ${what}: give a whole safetensors file`);
  };
  if (bytes.length < 8) fail(`has ${bytes.length} bytes, too few for a header`);
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (headerLength > mostHeaderBytes) {
    fail(`is of another kind: claims a header of ${headerLength} bytes, above ${mostHeaderBytes}`);
  }
  if (headerLength > bytes.length - 8) fail(`claims a header of ${headerLength} bytes and has ${bytes.length}`);
  const header = parseHeader(bytes.subarray(8, 8 + headerLength), fail);
  const data = bytes.subarray(8 + headerLength);
  const texts = stringMap(header.__metadata__, fail);
  const entries = Object.entries(header)
    .filter(([key]) => key !== '__metadata__')
    .map(([key, entry]) => ({ key, ...requireEntry(key, entry, data.length, fail) }));
  requireTiling(entries, data.length, fail); // first, since tensors that overlap could take any amount of memory
  const written = entries.filter(({ type }) => type === 'F32');
  const metadata = requireSums(
    name,
    texts,
    written.map(({ key, shape, begin, end }) => ({ name: key, shape, bytes: data.subarray(begin, end) })),
  );
  const tensors = new Map<string, NamedTensor>();
  const unread = new Map<string, UnreadTensor>();
  for (const { key, type, shape, begin, end } of entries) {
    const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
    // Read from a copy, since the file's own bytes need not be aligned.
    if (read) tensors.set(key, { shape, data: read(new Uint8Array(data.subarray(begin, end))) });
    else unread.set(key, { shape, type });
  }
  return { tensors, unread, metadata };
}

type Fail = (what: string) => never;

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let [text, parsed]: [string, unknown] = ['', undefined];
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = JSON.parse(text);
  } catch {
    return fail('its header is no JSON');
  }
  if (!text.startsWith('{')) return fail('its header is no JSON object');
  const twice = twiceNamed(text);
  if (twice !== undefined) return fail(`its header names ${spelled(twice)} twice`);
  return parsed as Record<string, unknown>;
}

function stringMap(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) fail('its metadata is no object');
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.some(([, text]) => typeof text !== 'string')) fail('its metadata holds something other than text');
  return Object.fromEntries(entries) as Record<string, string>;
}

interface Entry {
  readonly type: string;
  readonly shape: readonly number[];
  /** Bytes of the data, the end left out. */
  readonly begin: number;
  readonly end: number;
}

function requireEntry(key: string, entry: unknown, dataLength: number, fail: Fail): Entry {
  const what = `tensor ${spelled(key)}`;
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(bitsOfType, dtype)) {
    return fail(`${what} is of type ${spelled(dtype)}, which the format has not`);
  }
  const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`${what} has no shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) return fail(`${what} has no offsets`);
  const [begin, end] = offsets as [number, number];
  const most = Number.MAX_SAFE_INTEGER;
  if (begin > end || end > dataLength) return fail(`${what} claims bytes ${begin} to ${end} of ${dataLength}`);
  const numbers = shape.reduce((product: number, n: number) => (product <= most ? product * n : product), 1);
  if (numbers > most) return fail(`${what} of shape (${listOf(shape)}) is larger than any file`);
  const bytes = (numbers * bitsOfType[dtype]) / 8;
  if (bytes !== end - begin) return fail(`${what} (${dtype}) of shape (${listOf(shape)}) claims ${end - begin} bytes`);
  return { type: dtype, shape, begin, end };
}

const mostAxesShown = 6;

function listOf(shape: readonly number[]): string {
  return [...shape.slice(0, mostAxesShown), ...(shape.length > mostAxesShown ? ['...'] : [])].join(', ');
}

/** The tensors lie after each other without holes or overlaps, as the format wants. */
function requireTiling(entries: readonly Entry[], length: number, fail: Fail): void {
  let at = 0;
  for (const { begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) fail(`its tensors overlap or leave a hole at byte ${Math.min(at, begin)}`);
    at = end;
  }
  if (at !== length) fail(`has ${length - at} bytes that belong to no tensor`);
}
