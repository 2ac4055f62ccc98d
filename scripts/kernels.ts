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
  derivatives: 'network/derivatives',
  residual: 'objective/residual',
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

/** Lines that `specialise` and `reflect` look for as they are written: constants, and the loops that are written out. */
const keptLine = /^const /;
const unrollMark = /^\/\/# unroll$/;
/** A line's end that parts nothing, and that neither of the two needs: what they look for begins a line. */
const idleEnd = /(?<!^\/\/#.*)(?<=[(){}[\],;])\n(?!const |\/\/#|$)/gm;
/** A space that parts neither two words nor two operators, which would be another one without it. */
const idleSpace = /(?<![\w.]) (?=[\w.])|(?<=[\w.]) (?![\w.])|(?<=[(){}[\],;:]) | (?=[(){}[\],;:])/g;

/** Comments and white space are for the reader of the file; the text that is shipped keeps its marks. */
function stripped(text: string): string {
  const lines = text.split('\n').map((line, i, all) => {
    const own = line.trim();
    if (own.startsWith('//#')) return own;
    const code = own.replace(/\/\/.*$/, '').trim();
    return keptLine.test(code) || unrollMark.test(all[i - 1]?.trim()) ? code : code.replace(idleSpace, '');
  });
  return `${lines.filter(line => line !== '').join('\n')}\n`.replace(idleEnd, '');
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
  const short = shortNames();
  const own = kernelFiles().filter(path => !path.startsWith('shared/'));
  return Object.fromEntries(
    own.map(path => {
      const source = shortened(stripped(withImports(path).replace(slotLine, '//# slot $1\n')), short);
      return [path, isSlot(path) ? slotText(nameOf(path), source) : kernelOf(nameOf(path), source)];
    }),
  );
}

/** What no name stands in, or none that is a function's own: marks, structs. */
const noOwnNames = /^\/\/#.*$|\bstruct \w+\{[^}]*\}/gm;
/** A variable or a parameter of a function. */
const ownName = /\b(?:let|var) ([a-z]\w*)|[(,](?:@builtin\(\w+\))?([a-z]\w*):/g;
/** A name that is neither a member of anything nor an attribute. */
const anyName = /(?<![\w.@])[A-Za-z_]\w*/g;
/** A name that other functions, texts and dispatches know too, or the language. */
const sharedName = /\b(?:struct |const |var<[^>]*>)(\w+)|(\w+)\(|(?:var|ptr)<(\w+)/g;

/** A letter or two for every name of the functions' own, the same in all texts, the shortest for the most frequent. */
function shortNames(): ReadonlyMap<string, string> {
  const text = kernelFiles()
    .map(path => stripped(read(path)).replace(noOwnNames, ''))
    .join('\n');
  const shared = new Set([...text.matchAll(sharedName)].flatMap(match => match.slice(1)));
  const own = new Set([...text.matchAll(ownName)].map(match => match[1] ?? match[2]).filter(name => !shared.has(name)));
  const counts = new Map<string, number>();
  for (const [name] of text.matchAll(anyName)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const free = [...letters, ...letters.flatMap(letter => [...'0123456789'].map(digit => letter + digit))];
  const unused = free.filter(name => own.has(name) || !counts.has(name));
  const ordered = [...own].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || (a < b ? -1 : 1));
  return new Map(ordered.map((name, i) => [name, unused[i] ?? name]));
}

function shortened(text: string, short: ReadonlyMap<string, string>): string {
  let at = 0;
  const rename = (stretch: string) => stretch.replace(anyName, name => short.get(name) ?? name);
  const pieces = [...text.matchAll(noOwnNames)].map(match => {
    const before = text.slice(at, match.index);
    at = match.index + match[0].length;
    return rename(before) + match[0];
  });
  return pieces.join('') + rename(text.slice(at));
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

/** One module has all texts, so that they stand together in a bundle, where they compress best; others hand them on. */
export function generateKernels(): void {
  const texts = [`type Text<Constants> = string & { readonly constants?: Constants };\n`];
  const modules = new Map<string, string[]>();
  for (const [path, { name, source, constants, ...rest }] of Object.entries(kernelsAndSlots())) {
    // Beside the kernel, so that a bundle leaves out those that nobody reads: a dispatch needs their names as a type.
    texts.push(`export const ${name}Constants = ${JSON.stringify(constants)} as const;\n`);
    // The text as a string, since its type would else be the text once more.
    const text = `${JSON.stringify(source)} as Text<typeof ${name}Constants>`;
    const fields = [`name: ${JSON.stringify(name)}`, `source: ${text}`];
    for (const [key, value] of Object.entries(rest)) fields.push(`${key}: ${JSON.stringify(value)}`);
    texts.push(`export const ${name} = {\n  ${fields.join(',\n  ')},\n} as const;\n`);
    modules.set(moduleOf(path), [...(modules.get(moduleOf(path)) ?? []), name]);
  }
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  const write = (name: string, lines: readonly string[]) => {
    const head = '/** Written by scripts/kernels.ts from kernels/: do not edit. */\n';
    writeFileSync(`${target}${name}.ts`, [head, ...lines].join('\n'));
  };
  write('texts', texts);
  for (const [folder, names] of modules) {
    const all = names.flatMap(name => [name, `${name}Constants`]);
    write(folder, [`export {\n  ${all.join(',\n  ')},\n} from './texts.js';\n`]);
  }
}
