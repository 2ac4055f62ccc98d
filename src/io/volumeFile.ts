/** Volumes from NPY files: which points of a grid lie inside. */

import { sizeOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { readBytes } from './files.js';
import { decodeNpy } from './npy.js';

export interface Volume {
  /** Points of each of three axes. */
  readonly shape: readonly number[];
  /** 1 inside, 0 outside, (n_1, n_2, n_3), row-major. */
  readonly inside: Uint8Array;
}

const mostBytes = 4e9; // about what one array of Node's holds
/** Of floats; integers are inside where they are not 0. */
const threshold = 0.5;

/** @throws InputError a file that cannot be read, is damaged, or is no volume. */
export async function readVolume(path: string): Promise<Volume> {
  return decodeVolume(path, await readBytes('volume', path, mostBytes));
}

/** The same from the bytes of a file. */
export function decodeVolume(path: string, bytes: Uint8Array): Volume {
  const { shape, data } = decodeNpy(path, bytes);
  if (shape.length !== 3) {
    throw new InputError(`volume ${path}: has ${shape.length} axes, of (${shape.join(', ')}): a volume has 3`);
  }
  const nan = data.findIndex((value: number) => Number.isNaN(value));
  if (nan >= 0) {
    const index = shape.map((n, axis) => Math.floor(nan / sizeOf(shape.slice(axis + 1))) % n);
    throw new InputError(`volume ${path}: is NaN at (${index.join(', ')}): give numbers`);
  }
  return { shape, inside: Uint8Array.from(data, value => (value > threshold ? 1 : 0)) };
}
