/**
 * What a text binds, read when it is dispatched: so no bundle carries the names and structs of a kernel a second time.
 * Whether a host's own text can be read so is checked before (`kernelOf`).
 */

import type { BindingLayout, FieldLayout, StructLayout } from './kernel.js';
import { integerConstants } from './specialise.js';

const bindingText = /var<\s*(uniform|storage)[,\s]*(\w*)\s*>\s*(\w+)\s*:\s*(array<)?\s*(\w+)/g;
const fieldText = /(\w+)\s*:\s*(?:array<\s*)?(\w+)(?:\s*,\s*(\w+)\s*>)?/g;

/** In their order. @param source without comments. */
export function bindingsOf(source: string): BindingLayout[] {
  return [...source.matchAll(bindingText)].map(([, space, access, name, table, type]) => {
    const struct = structIn(source, type as string);
    return {
      name,
      access: access || (space === 'uniform' ? space : 'read'),
      ...(struct && { struct, table: !!table }),
    } as BindingLayout;
  });
}

/** The layout of the struct of this name, if there is one. */
function structIn(source: string, name: string): StructLayout | undefined {
  const body = new RegExp(`struct\\s+${name}\\s*{([^}]*)`).exec(source)?.[1];
  if (body === undefined) return undefined;
  const fields = [...body.matchAll(fieldText)].map(([, field, type, length]) => [field, fieldIn(source, type, length)]);
  return Object.fromEntries(fields) as StructLayout;
}

function fieldIn(source: string, type = '', length?: string): FieldLayout | undefined {
  if (length === undefined) return type as FieldLayout;
  const [struct, count] = [structIn(source, type), integerConstants(source).get(length) ?? Number(length)];
  return struct && { struct, count };
}
