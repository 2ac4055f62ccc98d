/** A safetensors file of whatever kind, whole. */

import { readBytes } from '../files.js';
import { type DecodedFile, decodeSafetensors } from './safetensors.js';

const mostBytes = 4e9; // about what one array of Node's holds

/** @throws InputError a file that cannot be read or is damaged. */
export async function readTensorFile(path: string): Promise<DecodedFile> {
  return decodeSafetensors(path, await readBytes('model', path, mostBytes));
}
