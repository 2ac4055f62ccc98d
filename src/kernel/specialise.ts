/**
 * What may be done to a kernel's text before a device compiles it: its slots are filled, constants get other values, and
 * loops marked `//# unroll` are written out. Register tiles need the last two, since an `override` cannot size a
 * function's array and Tint does not unroll.
 */

import { InputError } from '../errors.js';
import { spelled } from '../host/checks.js';
import type { ConstantValue } from './kernel.js';

const constantLine = /^const ([A-Za-z_]\w*) ?= ?(.*?);/gm;
const slotLine = /^\/\/# slot (\w+)(?: \w+)?\n/gm;
const enableLine = /^\/\/# enable (\w+)\n/gm;
const loopHead = /for ?\(var (\w+) ?= ?([^;]+); ?\1 ?(<=?) ?([^;]+); ?\1\+\+\) ?\{/y;
const mark = /\/\/# unroll\s*\n\s*/;

/**
 * The text with its slots filled, the given module constants replaced and the marked loops unrolled.
 *
 * @param slots the text for each slot.
 * @throws InputError a slot for which there is no text, a constant that does not exist, or a marked loop whose bounds are
 * not integers at this point.
 */
export function specialise(
  source: string,
  constants: Readonly<Record<string, ConstantValue>> = {},
  slots: Readonly<Record<string, string>> = {},
): string {
  let text = filled(source, slots);
  for (const [name, value] of Object.entries(constants)) {
    const line = new RegExp(`^const ${name} ?= ?(.*?);`, 'm');
    const found = line.exec(text);
    if (!found) throw new InputError(`specialise: the kernel has no constant ${name}`);
    text = text.replace(line, `const ${name} = ${literal(value, found[1] as string)};`);
  }
  finished[text] ??= hoistEnables(unroll(text, integerConstants(text)));
  return finished[text];
}

/** Of each text with its slots and constants: plans have many dispatches of few texts. */
const finished: Record<string, string> = {};

/** What fills a slot may have slots of its own. */
function filled(source: string, slots: Readonly<Record<string, string>>): string {
  return source.replace(slotLine, (_, name: string) => {
    const filling = slots[name];
    if (filling === undefined) throw new InputError(`specialise: the kernel's slot ${name} is empty`);
    return filled(filling.endsWith('\n') ? filling : `${filling}\n`, slots);
  });
}

/** The names of a text's slots. */
export function slotsOf(source: string): string[] {
  return [...source.matchAll(slotLine)].map(([, name]) => name as string);
}

/** A value written as of the type of the text that it replaces: what is computed from others is a u32. */
function literal(value: ConstantValue, replaced: string): string {
  if (typeof value === 'boolean') return String(value);
  const plain = /^-?[\d.]+(?:e[-+]?\d+)?([fui]?)$/.exec(replaced);
  if (!plain) return `${value}u`;
  return `${value}${/[.e]/.test(replaced) ? 'f' : plain[1]}`;
}

/** `enable` must stand before everything else; an imported text can only mark what it needs. */
function hoistEnables(text: string): string {
  const enables = new Set([...text.matchAll(enableLine)].map(([, name]) => `enable ${name};\n`));
  return [...enables].join('') + text.replace(enableLine, '');
}

/** The module constants that are whole numbers, by name; one may be written in terms of those before it. */
export function integerConstants(text: string): Map<string, number> {
  const known = new Map<string, number>();
  for (const [, name, expression] of text.matchAll(constantLine)) {
    const value = evaluate(expression as string, known);
    if (value !== undefined) known.set(name as string, value);
  }
  return known;
}

/** Writes out the outermost marked loops, then those inside them, whose bounds may name the loops around. */
function unroll(text: string, known: ReadonlyMap<string, number>): string {
  const found = mark.exec(text);
  if (!found) return text;
  const at = found.index + found[0].length;
  loopHead.lastIndex = at;
  const [, name, fromText = '', comparison, toText = ''] = loopHead.exec(text) ?? [];
  const from = evaluate(fromText, known);
  const to = evaluate(toText, known);
  if (from === undefined || to === undefined) {
    throw new InputError(`specialise: "//# unroll" before no loop of constant bounds: ${spelled(text.slice(at))}`);
  }
  const open = loopHead.lastIndex;
  const close = closingBrace(text, open);
  const body = text.slice(open, close);
  const copies: string[] = [];
  for (let i = from; comparison === '<' ? i < to : i <= to; i++) {
    copies.push(`{ const ${name} = ${i}u;${unroll(body, new Map([...known, [name, i]]))}}`);
  }
  return text.slice(0, found.index) + copies.join('\n') + unroll(text.slice(close + 1), known);
}

function closingBrace(text: string, open: number): number {
  let depth = 1;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '{') depth++;
    if (text[i] === '}' && --depth === 0) return i;
  }
  return text.length; // what does not end a compiler tells
}

/** Operations that bind equally tightly, by their signs. */
type Level = Readonly<Record<string, (a: number, b: number) => number>>;

const sums: Level = { '+': (a, b) => a + b, '-': (a, b) => a - b };
/** Quotients are truncated, and no number where one divides by zero. */
const products: Level = { '*': (a, b) => a * b, '/': (a, b) => (a - (a % b)) / b, '%': (a, b) => a % b };

/** The value of an integer expression of + - * / %, brackets, numbers and known names; undefined if it is none. */
export function evaluate(expression: string, known: ReadonlyMap<string, number>): number | undefined {
  const tokens = expression.match(/\d+[ui]?|\w+|\S/g) ?? [];
  const next = () => tokens.shift() ?? '';
  const chain = (level: Level, operand: () => number) => () => {
    let value = operand();
    while ((tokens[0] ?? '') in level) value = level[next()](value, operand());
    return value;
  };
  const factor = (): number => {
    const token = next();
    if (token === '-') return -factor();
    if (token !== '(') return known.get(token) ?? Number.parseInt(token, 10);
    const value = sum();
    return next() === ')' ? value : Number.NaN;
  };
  const sum = chain(sums, chain(products, factor));
  const value = sum();
  return tokens.length === 0 && Number.isInteger(value) ? value + 0 : undefined; // 0, where -0 was left
}
