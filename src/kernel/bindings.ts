/**
 * What a text binds, read when it is dispatched: so no bundle carries the names and structs of a kernel a second time.
 * Texts are as `scripts/kernels.ts` prepares them; a host's own are checked and brought to that form before (`kernelOf`).
 */

import type { BindingLayout, StructLayout } from './kernel.js';
import { integerConstants } from './specialise.js';

const bindingText = /var<(uniform|storage),?(\w*)>(\w+):(array<)?(\w+)/g;
const fieldText = /(\w+):(?:array<)?(\w+)(?:,(\w+)>)?/g;

/** In their order. @param source without comments, and without spaces that part nothing. */
export function bindingsOf(source: string): BindingLayout[] {
  return [...source.matchAll(bindingText)].map(([, space, access, name, table, type]) => {
    const struct = structIn(source, type as string);
    return { name, access: access || space, ...(struct && { struct, table: !!table }) } as BindingLayout;
  });
}

/** The layout of the struct of this name, if there is one. */
function structIn(source: string, name: string): StructLayout | undefined {
  const body = source.split(`struct ${name}{`)[1]?.split('}')[0];
  if (body === undefined) return undefined;
  return Object.fromEntries(
    [...body.matchAll(fieldText)].map(([, field, type, length]) => [
      field,
      length
        ? { struct: structIn(source, type as string), count: integerConstants(source).get(length) ?? +length }
        : type,
    ]),
  ) as StructLayout;
}
