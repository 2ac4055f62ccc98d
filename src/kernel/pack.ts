/** Bytes of the structs that kernels read. */

import { InputError } from '../errors.js';
import { requireCount } from '../host/checks.js';
import type { BindingLayout, FieldValues, StructLayout } from './kernel.js';

const wordBytes = 4;

/** Bytes of a struct. */
function bytesOf(struct: StructLayout): number {
  return Object.values(struct).reduce<number>(
    (sum, field) => sum + (typeof field === 'object' ? field.count * bytesOf(field.struct) : wordBytes),
    0,
  );
}

/** One struct after the other. @throws InputError a field that is missing, or no number of its type. */
export function packStructs(
  kernel: string,
  { name, struct = {} }: BindingLayout,
  values: readonly FieldValues[],
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(bytesOf(struct) * values.length));
  let at = 0;
  const pack = (fields: StructLayout, given: FieldValues, path: string) => {
    for (const [field, type] of Object.entries(fields)) {
      const value = given[field];
      const where = `${path}.${field}`;
      if (typeof type === 'object') {
        if (!Array.isArray(value)) throw new InputError(`${where} is missing`);
        if (value.length > type.count) throw new InputError(`${where} has room for ${type.count}`);
        for (const entry of value) pack(type.struct, entry, where);
        at += (type.count - value.length) * bytesOf(type.struct);
        continue;
      }
      if (typeof value !== 'number') throw new InputError(`${where} is missing`);
      if (type === 'f32') {
        view.setFloat32(at, value, true);
      } else {
        requireCount(where, value, 0, 0xffffffff);
        view.setUint32(at, value, true);
      }
      at += wordBytes;
    }
  };
  for (const one of values) pack(struct, one, `${kernel}: ${name}`);
  return new Uint8Array(view.buffer);
}
