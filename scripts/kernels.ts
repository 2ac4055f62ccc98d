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
import { shortened } from './shorten.js';

const root = fileURLToPath(new URL('../kernels/', import.meta.url));
const target = fileURLToPath(new URL('../src/wgsl/', import.meta.url));

/** Folders whose files fill the slot of the folder's name. */
const slotFolders: Readonly<Record<string, string>> = {
  schedule: 'schedule',
  inner: 'inner',
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

/** A line's end that parts nothing: constants, marks and the loops after them are looked for where a line begins. */
const idleEnd = /(?<!^\/\/#.*)(?<=[(){}[\],;])\n(?!const |\/\/#|$)/gm;
/** A space that parts neither two words nor two operators, which would be another one without it. */
const idleSpace = /(?<![\w.]) (?=[\w.])|(?<=[\w.]) (?![\w.])|(?<=[(){}[\],;:]) | (?=[(){}[\],;:])/g;

/** A whole number that takes its type from the other side of an operator, which is no plain number. */
const idleSuffix =
  /(?<=[\w)\]](?:[-+*/%&|^]=?|[<>]=?|<<|>>|[=!]=))(0x[\da-f]+|\d+)u\b|(?<=[[(,=])(\d+)u(?=[-+*][A-Za-z(])/g;

/** A zero before a point that has another digit behind it, or behind one that has a digit before it. */
const idleZero = /(?<![\w.])0(?=\.\d*[1-9])|(?<=\d\.)0(?![\w.])/g;

/** A suffix of a number among a function's arguments, or times one, whose type is theirs. */
const idleFloat = /(?<=[(,*]-?)((?:\d*\.\d+(?:e-?\d+)?|\d+e-?\d+))f\b/g;

/** Comments and white space are for the reader of the file; the text that is shipped keeps its marks. */
function stripped(text: string): string {
  const lines = text.split('\n').map(line => {
    const own = line.trim();
    return own.startsWith('//#')
      ? own
      : own
          .replace(/\/\/.*$/, '')
          .trim()
          .replace(idleSpace, '')
          .replace(idleZero, '');
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

/** The texts of all modules in these folders but those that are written here. */
function codeOf(folders: readonly string[]): string {
  return folders
    .flatMap(folder => {
      const top = fileURLToPath(new URL(`../${folder}/`, import.meta.url));
      const files = readdirSync(top, { recursive: true, encoding: 'utf8' }).filter(path => /\.m?ts$/.test(path));
      return files.filter(path => !/^wgsl\b/.test(path)).map(path => readFileSync(`${top}${path}`, 'utf8'));
    })
    .join('\n');
}

/** Every kernel, and every text for a slot, by its path: what `src/wgsl` holds. */
export function kernelsAndSlots(): Readonly<Record<string, Kernel | SlotText>> {
  const own = kernelFiles().filter(path => !path.startsWith('shared/'));
  const texts = shortened(
    own.map(path => stripped(withImports(path).replace(slotLine, '//# slot $1\n'))),
    codeOf(['src', 'test', 'bench']),
  );
  return Object.fromEntries(
    own.map((path, i) => {
      const text = (texts[i] as string).replace(idleSuffix, '$1$2').replace(idleFloat, '$1');
      return [path, isSlot(path) ? slotText(nameOf(path), text) : kernelOf(nameOf(path), text)];
    }),
  );
}

/** A kernel's module as a device would compile it with every default. @param texts of `kernelsAndSlots`. */
export function wholeModule(path: string, texts: Readonly<Record<string, Kernel | SlotText>>): string {
  return specialise(texts[path]?.source ?? '', {}, defaultSlots(path, texts));
}

/** The texts that a file names for its slots, and they for theirs. */
function defaultSlots(path: string, texts: Readonly<Record<string, Kernel | SlotText>>): Record<string, string> {
  const named = [...withImports(path).matchAll(slotLine)] as unknown as readonly [string, string, string][];
  return Object.assign(
    {},
    ...named.map(([, slot, name]) => {
      const file = `${slotFolders[slot]}/${name}.wgsl`;
      return { [slot]: texts[file]?.source ?? '', ...defaultSlots(file, texts) };
    }),
  );
}

/** The module of src/wgsl that a folder of kernels/ goes to. */
function moduleOf(path: string): string {
  return nameOf(dirname(path));
}

/** One module has all texts, so that they stand together in a bundle, where they compress best; others hand them on. */
export function generateKernels(): void {
  const texts: string[] = [];
  const modules = new Map<string, string[]>();
  for (const [path, { name, source, constants, ...rest }] of Object.entries(kernelsAndSlots())) {
    // Beside the kernel, so that a bundle leaves out those that nobody reads.
    texts.push(`export const ${name}Constants = ${JSON.stringify(constants)} as const;\n`);
    const facts = Object.entries(rest).map(([key, value]) => `readonly ${key}?: ${JSON.stringify(value)}`);
    // The text as a string, since its type would else be the text once more; that knows what is read off the text.
    const type = `string & { ${[`readonly constants?: typeof ${name}Constants`, ...facts].join('; ')} }`;
    const fields = [`name: ${JSON.stringify(name)}`, `source: ${JSON.stringify(source)} as ${type}`];
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
