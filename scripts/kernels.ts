/**
 * Reads kernels/, puts in what each file imports, reflects it and writes src/kernel/generated.ts: the texts, and the
 * bindings, constants and struct layouts, so that no TypeScript keeps a copy of them by hand.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StructInfo, type TypeInfo, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { integerConstants, specialise } from '../src/kernel/specialise.js';

const root = new URL('../kernels/', import.meta.url).pathname;

/** The schedules of the matrix products; they stand beside the product that is nothing but one. */
const schedules = ['quad', 'register', 'subgroup', 'workgroup'];
const defaultSchedule = 'register';

const importLine = /^\/\/# import (\S+)\n/gm;

/** A file with its imports in the place where they are named, each once. */
export function withImports(path: string, seen = new Set<string>()): string {
  const text = readFileSync(join(root, path), 'utf8');
  return text.replace(importLine, (_, imported: string) => {
    if (seen.has(imported)) return '';
    seen.add(imported);
    return `\n${stripHeader(withImports(imported, seen))}`;
  });
}

/** Comments are for the reader of the file; the text that is shipped does without those that open it. */
function stripHeader(text: string): string {
  return text.replace(/^(\/\/(?!#).*\n)+/, '');
}

interface Field {
  offset: number;
  type: string;
  struct?: Record<string, Field>;
  stride?: number;
  count?: number;
}

function fieldsOf(struct: StructInfo): Record<string, Field> {
  return Object.fromEntries(struct.members.map(member => [member.name, fieldOf(member.offset, member.type)]));
}

function fieldOf(offset: number, type: TypeInfo): Field {
  if (type.isArray) {
    const { format, stride, count } = type as TypeInfo & { format: TypeInfo; stride: number; count: number };
    return { offset, type: 'array', struct: fieldsOf(format as StructInfo), stride, count };
  }
  return { offset, type: type.name };
}

/** What src/kernel needs to know of one kernel. */
function describe(path: string, source: string) {
  const scheduled = source.includes('//# schedule\n');
  const whole = specialise(source, {}, scheduled ? stripHeader(withImports(`matmul/${defaultSchedule}.wgsl`)) : '');
  const reflected = new WgslReflect(withPlainWorkgroupSize(whole));
  const bindings = reflected.getBindGroups()[0] ?? [];
  return {
    path,
    scheduled,
    source,
    constants: constantsOf(source),
    bindings: bindings.map(binding => {
      const type = binding.type as TypeInfo & { format?: TypeInfo };
      const element = type.format ?? type;
      const access = binding.resourceType === 0 ? 'uniform' : binding.access === 'read_write' ? 'read_write' : 'read';
      return {
        name: binding.name,
        access,
        ...(element.isStruct
          ? { struct: fieldsOf(element as StructInfo), size: element.size, table: type.isArray }
          : { element: element.getTypeName() }),
      };
    }),
  };
}

/** wgsl_reflect takes only numbers in @workgroup_size. */
function withPlainWorkgroupSize(text: string): string {
  const known = integerConstants(text);
  return text.replace(/^enable .*;\n/gm, '').replace(/@workgroup_size\((\w+)\)/, (_, name: string) => {
    return `@workgroup_size(${known.get(name) ?? name})`;
  });
}

function constantsOf(source: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name, value] of source.matchAll(/^const ([A-Z_][A-Z0-9_]*) = (.*?);/gm)) {
    found[name as string] = value === 'true' || value === 'false' ? 'boolean' : 'number';
  }
  return found;
}

export function kernelFiles(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.wgsl'))
    .map(path => path.replaceAll('\\', '/'))
    .sort();
}

function nameOf(path: string): string {
  return (path.split('/').at(-1) as string).replace('.wgsl', '');
}

export function generateKernels(): void {
  const own = kernelFiles().filter(path => !path.startsWith('shared/') && !schedules.includes(nameOf(path)));
  const kernels = Object.fromEntries(own.map(path => [nameOf(path), describe(path, stripHeader(withImports(path)))]));
  const schedule = Object.fromEntries(
    schedules.map(name => {
      const source = stripHeader(withImports(`matmul/${name}.wgsl`));
      return [name, { path: `matmul/${name}.wgsl`, source, constants: constantsOf(source) }];
    }),
  );
  const text = `// Written by scripts/kernels.ts from kernels/: do not edit.
export const kernels = ${JSON.stringify(kernels, null, 1)} as const;
export const schedules = ${JSON.stringify(schedule, null, 1)} as const;
`;
  writeFileSync(new URL('../src/kernel/generated.ts', import.meta.url), text);
}
