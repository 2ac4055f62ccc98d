/** Bytes of the structs that kernels read, at the offsets that reflection found. */

import type { BindingLayout, FieldLayout } from './catalogue.js';

export type FieldValues = { readonly [field: string]: number | readonly FieldValues[] };

/** One struct after the other. */
export function packStructs(binding: BindingLayout, values: readonly FieldValues[]): Uint8Array<ArrayBuffer> {
  const size = binding.size ?? 0;
  const bytes = new Uint8Array(size * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    packStruct(view, i * size, binding.struct ?? {}, value, binding.name);
  });
  return bytes;
}

function packStruct(
  view: DataView,
  offset: number,
  fields: Readonly<Record<string, FieldLayout>>,
  values: FieldValues,
  path: string,
): void {
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name];
    const at = offset + field.offset;
    if (Array.isArray(value) && field.struct) {
      if (value.length > (field.count ?? 0)) throw new RangeError(`${path}.${name} has room for ${field.count}`);
      const { struct, stride = 0 } = field;
      value.forEach((entry: FieldValues, i) => {
        packStruct(view, at + i * stride, struct, entry, `${path}.${name}`);
      });
    } else if (typeof value === 'number') {
      packNumber(view, at, field.type, value, `${path}.${name}`);
    } else {
      throw new TypeError(`${path}.${name} is missing`);
    }
  }
}

function packNumber(view: DataView, at: number, type: string, value: number, path: string): void {
  if (type === 'f32') {
    view.setFloat32(at, value, true);
  } else if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) {
    view.setUint32(at, value, true);
  } else {
    throw new RangeError(`${path} is ${value}, which is no u32`);
  }
}
