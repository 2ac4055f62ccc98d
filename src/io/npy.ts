/** NumPy's NPY format: a short header of type and shape, then the numbers. Written is version 1.0. */

import { InputError } from '../errors.js';
import { spelled } from '../host/checks.js';
import { writeWholeWith } from './files.js';
import { type NpyValue, npyEntries } from './npyHeader.js';
import { fromFortranOrder, npyNumbers, npyTypeOf } from './npyNumbers.js';

const magic = [0x93, ...new TextEncoder().encode('NUMPY')];
/** The header's length stands after it and two bytes of version. */
const lengthAt = magic.length + 2;
const writtenVersion = [1, 0];
/** The numbers begin at a multiple of so many bytes, as the format asks. */
const alignment = 64;
const mostHeaderBytes = 0xffff;

/** NumPy's names for what a file holds, and what it calls them itself; little-endian where that matters. */
const types = { '|b1': 'bool', '|u1': 'uint8', '<f4': 'float32' } as const;
export type NpyType = (typeof types)[keyof typeof types];

/** The header of an array in C order. @throws InputError a shape too long to be written. */
export function npyHeader(shape: readonly number[], type: NpyType = 'float32'): Uint8Array {
  const [described] = Object.entries(types).find(([, name]) => name === type) ?? [];
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${described}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const before = lengthAt + 2;
  const bytes = Math.ceil((before + text.length + 1) / alignment) * alignment;
  if (bytes - before > mostHeaderBytes) throw new InputError(`npy: a shape of ${shape.length} axes: use fewer`);
  const header = new Uint8Array(bytes).fill(0x20);
  header.set([...magic, ...writtenVersion]);
  new DataView(header.buffer).setUint16(lengthAt, bytes - before, true);
  header.set(new TextEncoder().encode(text), before);
  header[bytes - 1] = 0x0a;
  return header;
}

/** Puts numbers into an array that is being written, the first at index `at` of the whole in C order. */
export type Put = (at: number, values: Float32Array | Uint8Array) => Promise<void>;

/**
 * Writes an array whole or not at all, and never holds it whole: `fill` puts its numbers in pieces, in any order.
 *
 * @param shape axes of the array; none for a single number.
 * @param type of what is put: a Float32Array, or a Uint8Array for the others.
 */
export async function writeNpy(
  path: string,
  shape: readonly number[],
  fill: (put: Put) => Promise<void>,
  type: NpyType = 'float32',
): Promise<void> {
  const header = npyHeader(shape, type);
  await writeWholeWith(path, async write => {
    await write(0, header);
    await fill((at, values) =>
      write(
        header.length + values.BYTES_PER_ELEMENT * at,
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      ),
    );
  });
}

export interface NpyArray {
  /** NumPy's name of the type that the file holds. */
  readonly type: string;
  /** None for a single number. */
  readonly shape: readonly number[];
  /** In C order; of a bool array 0 and 1, of 64-bit integers the nearest float64. */
  readonly data: Uint8Array | Float32Array | Float64Array;
}

/** Axes that NumPy allows. */
const mostAxes = 64;

function isShape(value: NpyValue): value is readonly number[] {
  return Array.isArray(value) && value.length <= mostAxes && value.every(n => Number.isSafeInteger(n) && n >= 0);
}

/**
 * Reads the format, versions 1.0 to 3.0. What the header says is checked against the file before it is used, so that a
 * file costs no more memory than it has bytes, whatever it claims.
 *
 * @param path the file's, for errors.
 * @throws InputError a file that is cut short or too long, or of another type than bool, integers and floats.
 */
export function decodeNpy(path: string, bytes: Uint8Array): NpyArray {
  const fail = (what: string, remedy = 'give a whole NPY file'): never => {
    throw new InputError(`array ${path}: ${what}: ${remedy}`);
  };
  if (magic.some((byte, i) => bytes[i] !== byte)) fail('is no NPY file', 'save it by numpy.save');
  const [major, minor] = [bytes[magic.length], bytes[magic.length + 1]];
  if (!(major >= 1 && major <= 3 && minor === 0)) fail(`is of version ${major}.${minor}`, 'use one from 1.0 to 3.0');
  const lengthBytes = major === 1 ? 2 : 4;
  const before = lengthAt + lengthBytes;
  if (bytes.length < before) fail(`has ${bytes.length} bytes, too few for a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const headerLength = major === 1 ? view.getUint16(lengthAt, true) : view.getUint32(lengthAt, true);
  if (headerLength > mostHeaderBytes) fail(`claims a header of ${headerLength} bytes, above ${mostHeaderBytes}`);
  if (headerLength > bytes.length - before) fail(`claims a header of ${headerLength} bytes and has ${bytes.length}`);
  const header = new TextDecoder().decode(bytes.subarray(before, before + headerLength));
  const entries = npyEntries(header);
  if (!entries) return fail('its header is no dictionary');
  const [described, isFortran, shape] = ['descr', 'fortran_order', 'shape'].map(key => entries.get(key));
  if (typeof isFortran !== 'boolean' || shape === undefined) return fail('its header names no order or shape');
  const type = typeof described === 'string' ? npyTypeOf(described) : undefined;
  const named = typeof described === 'string' ? spelled(described) : 'several fields';
  if (!type) return fail(`is of type ${named}`, 'use bool, an integer type, float16, float32 or float64');
  if (!isShape(shape)) return fail('has no shape that an array can have');
  const held = bytes.length - before - headerLength;
  const taken = shape.reduce((product, n) => product * n, type.bytes);
  if (taken !== held) fail(`of shape (${shape.join(', ')}) and type ${type.name} takes ${taken} bytes and has ${held}`);
  const data = npyNumbers(bytes.subarray(before + headerLength), type);
  return { type: type.name, shape, data: isFortran ? fromFortranOrder(data, shape) : data };
}
