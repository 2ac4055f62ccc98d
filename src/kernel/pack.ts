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
  const size = bytesOf(struct);
  const bytes = new Uint8Array(size * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    packStruct(view, i * size, struct, value, `${kernel}: ${name}`);
  });
  return bytes;
}

function packStruct(view: DataView, start: number, struct: StructLayout, values: FieldValues, path: string): void {
  let at = start;
  for (const [name, field] of Object.entries(struct)) {
    const value = values[name];
    const where = `${path}.${name}`;
    if (typeof field === 'object') {
      if (!Array.isArray(value)) throw new InputError(`${where} is missing`);
      if (value.length > field.count) throw new InputError(`${where} has room for ${field.count}`);
      const size = bytesOf(field.struct);
      value.forEach((entry: FieldValues, i) => {
        packStruct(view, at + i * size, field.struct, entry, where);
      });
      at += field.count * size;
    } else {
      if (typeof value !== 'number') throw new InputError(`${where} is missing`);
      packNumber(view, at, field, value, where);
      at += wordBytes;
    }
  }
}

function packNumber(view: DataView, at: number, type: 'u32' | 'f32', value: number, where: string): void {
  if (type === 'f32') {
    view.setFloat32(at, value, true);
  } else {
    requireCount(where, value, 0, 0xffffffff);
    view.setUint32(at, value, true);
  }
}
