/** Bytes of the structs that kernels read. */

import { InputError } from '../errors.js';
import { totalOf } from '../host/arrays.js';
import { requireCount } from '../host/checks.js';
import type { BindingLayout, FieldValues, StructLayout } from './kernel.js';

/** Words of a struct. */
function wordsOf(struct: StructLayout): number {
  return totalOf(Object.values(struct), field => (typeof field === 'object' ? field.count * wordsOf(field.struct) : 1));
}

/** One struct after the other. @throws InputError a field that is missing, or no number of its type. */
export function packStructs(
  kernel: string,
  { name, struct = {} }: BindingLayout,
  values: readonly FieldValues[],
): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(wordsOf(struct) * values.length);
  const floats = new Float32Array(words.buffer);
  let at = 0;
  const pack = (fields: StructLayout, given: FieldValues, path: string) => {
    for (const [field, type] of Object.entries(fields)) {
      const value = given[field];
      const where = `${path}.${field}`;
      if (typeof type === 'object') {
        if (!Array.isArray(value)) throw new InputError(`${where} is missing`);
        if (value.length > type.count) throw new InputError(`${where} has room for ${type.count}`);
        for (const entry of value) pack(type.struct, entry, where);
        at += (type.count - value.length) * wordsOf(type.struct);
        continue;
      }
      if (typeof value !== 'number') throw new InputError(`${where} is missing`);
      if (type === 'f32') {
        floats[at] = value;
      } else {
        requireCount(where, value, 0, 0xffffffff);
        words[at] = value;
      }
      at++;
    }
  };
  for (const one of values) pack(struct, one, `${kernel}: ${name}`);
  return new Uint8Array(words.buffer);
}
