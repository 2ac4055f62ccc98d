/**
 * Reads kernels/, puts in what each file imports, reads off its bindings, constants and struct layouts, and writes
 * src/wgsl/: a module per folder with an export per file, so that no TypeScript keeps a copy of any of them by hand and
 * a bundle carries what it uses.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Kernel, SlotText } from '../src/kernel/kernel.js';
import { kernelOf, slotText } from '../src/kernel/reflect.js';
import { specialise } from '../src/kernel/specialise.js';

const root = fileURLToPath(new URL('../kernels/', import.meta.url));
const target = fileURLToPath(new URL('../src/wgsl/', import.meta.url));

/** Folders whose files fill the slot of the folder's name. */
const slotFolders: Readonly<Record<string, string>> = {
  schedule: 'schedule',
  activation: 'network/activation',
  loss: 'objective/loss',
};

const importLine = /^\/\/# import (\S+)\n/gm;
const slotLine = /^\/\/# slot (\w+) (\w+)\n/gm;

function read(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8');
}

/** A file with its imports in the place where they are named, each once. */
export function withImports(path: string, seen = new Set<string>()): string {
  return read(path).replace(importLine, (_, imported: string) => {
    if (seen.has(imported)) return '';
    seen.add(imported);
    return `\n${withImports(imported, seen)}`;
  });
}

/** Lines that `specialise` and `reflect` look for as they are written. */
const keptLine = /^(?:const|for) /;
/** A space that parts neither two words nor two operators, which would be another one without it. */
const idleSpace = /(?<![\w.]) (?=[\w.])|(?<=[\w.]) (?![\w.])|(?<=[(){}[\],;:]) | (?=[(){}[\],;:])/g;

/** Comments and white space are for the reader of the file; the text that is shipped keeps its marks. */
function stripped(text: string): string {
  const lines = text.split('\n').map(line => {
    const own = line.trim();
    return own.startsWith('//#') ? own : compact(own.replace(/\/\/.*$/, '').trim());
  });
  return `${lines.filter(line => line !== '').join('\n')}\n`;
}

function compact(line: string): string {
  return keptLine.test(line) ? line : line.replace(idleSpace, '');
}

/** Every file of kernels/, by its path there. */
export function kernelFiles(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.wgsl'))
    .map(path => path.replaceAll('\\', '/'))
    .sort();
}

function nameOf(path: string): string {
  return (path.split('/').at(-1) as string).replace('.wgsl', '');
}

function isSlot(path: string): boolean {
  return Object.values(slotFolders).includes(dirname(path));
}

/** Every kernel, and every text for a slot, by its path: what `src/wgsl` holds. */
export function kernelsAndSlots(): Readonly<Record<string, Kernel | SlotText>> {
  const own = kernelFiles().filter(path => !path.startsWith('shared/'));
  return Object.fromEntries(
    own.map(path => {
      const source = stripped(withImports(path).replace(slotLine, '//# slot $1\n'));
      return [path, isSlot(path) ? slotText(nameOf(path), source) : kernelOf(nameOf(path), source)];
    }),
  );
}

/** The slots of a kernel's file with the texts that it names for them: a whole module. */
export function defaultSlots(path: string): Record<string, string> {
  const named = [...withImports(path).matchAll(slotLine)] as unknown as readonly [string, string, string][];
  return Object.fromEntries(
    named.map(([, slot, name]) => [slot, stripped(withImports(`${slotFolders[slot]}/${name}.wgsl`))]),
  );
}

/** A kernel's module as a device would compile it with every default. */
export function wholeModule(path: string, { source }: Kernel): string {
  return specialise(source, {}, defaultSlots(path));
}

/** The module of src/wgsl that a folder of kernels/ goes to. */
function moduleOf(path: string): string {
  return nameOf(dirname(path));
}

export function generateKernels(): void {
  const modules = new Map<string, string[]>();
  for (const [path, { name, source, ...rest }] of Object.entries(kernelsAndSlots())) {
    const lines = modules.get(moduleOf(path)) ?? [
      `/** Written by scripts/kernels.ts from kernels/${dirname(path)}/: do not edit. */\n`,
    ];
    // The text as a string, since its type would else be the text once more.
    const fields = [`name: ${JSON.stringify(name)}`, `source: ${JSON.stringify(source)} as string`];
    for (const [key, value] of Object.entries(rest)) fields.push(`${key}: ${JSON.stringify(value)}`);
    lines.push(`export const ${name} = {\n  ${fields.join(',\n  ')},\n} as const;\n`);
    modules.set(moduleOf(path), lines);
  }
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  for (const [name, lines] of modules) writeFileSync(`${target}${name}.ts`, lines.join('\n'));
}
