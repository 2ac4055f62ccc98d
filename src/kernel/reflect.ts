/**
 * What a kernel's text says of itself: its bindings, its constants, and the fields of its structs. It reads the
 * part of WGSL that kernels here are written in; whatever else stands in a text is the device compiler's to judge.
 */

import { InputError } from '../errors.js';
import { spelled } from '../host/checks.js';
import { bindingsOf } from './bindings.js';
import type { ConstantValue, Kernel, SlotText } from './kernel.js';
import { integerConstants, slotsOf } from './specialise.js';

const commentText = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;
const structText = /\bstruct\s+(\w+)\s*\{([^}]*)\}/g;
const fieldText = /^(\w+)\s*:\s*(\S.*)$/;
/** A comma that stands between fields, and not in array<Axis, 6>. */
const betweenFields = /,(?![^<]*>)/;
const bindingText =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<(uniform|storage)(?:,\s*(read_write|read))?>\s*(\w+)\s*:\s*([^;]+);/g;
const constantText = /^const ([A-Z_][A-Z0-9_]*) ?= ?(.*?);/gm;
const arrayType = /^array<\s*(\w+)\s*(?:,\s*(\w+)\s*)?>$/;

/**
 * A kernel from a host's own WGSL text.
 *
 * The text is a module with one entry point, `main`. It binds, all in group 0 and in the order of their numbers, at most
 * one struct as uniform settings, at most one array of structs as a table, and storages; structs that are bound have
 * fields of u32 and f32, or arrays of such structs. Module constants in capitals that begin a line
 * (`const WORKGROUP = 64u;`) may be set by a dispatch.
 *
 * @param name for errors and captures.
 * @throws InputError a binding or a field of another kind, or numbers of bindings that are not 0, 1, 2 and so on.
 */
export function kernelOf(name: string, source: string): Kernel {
  return {
    name,
    source,
    slots: slotsOf(source),
    constants: constantsOf(source),
    bindings: bindingsOf(checked(name, source)),
  };
}

/** A text for a slot of a kernel: an activation, a pointwise loss. @param name for errors and captures. */
export function slotText(name: string, source: string): SlotText {
  return { name, source, constants: constantsOf(source) };
}

/** The constants whose values are plain numbers, whole numbers computed from such, or those of a constant before them. */
function constantsOf(source: string): Record<string, ConstantValue> {
  const whole = integerConstants(source);
  const found: Record<string, ConstantValue> = {};
  for (const [, name, text] of source.matchAll(constantText)) {
    const value = whole.get(name as string) ?? literalOf(text as string) ?? found[text as string];
    if (value !== undefined) found[name as string] = value;
  }
  return found;
}

function literalOf(text: string): ConstantValue | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?[\d.]+(e[+-]?\d+)?[fui]?$/.test(text) ? Number.parseFloat(text) : undefined;
}

/** The text without its comments, and without spaces that `bindingsOf` does not expect. @throws InputError a binding or a field that cannot be read, or that stands amiss. */
function checked(kernel: string, source: string): string {
  const code = source.replace(commentText, '');
  const structs = new Map([...code.matchAll(structText)].map(([, name, body]) => [name as string, body as string]));
  const sizes = integerConstants(code);
  const found = [...code.matchAll(bindingText)];
  const all = code.match(/@binding\b/g)?.length ?? 0;
  if (found.length !== all) {
    throw new InputError(
      `kernel ${kernel}: of ${all} bindings ${found.length} can be read: write each as @group(0) @binding(0) var<storage, read> name: type;`,
    );
  }
  for (const [at, [, number, space, , name, type]] of found.entries()) {
    if (Number(number) !== at) {
      throw new InputError(
        `kernel ${kernel}: binding ${number} stands where ${at} is due: number bindings from 0, in order`,
      );
    }
    const bound = (type as string).trim();
    const element = arrayType.exec(bound)?.[1];
    const isStruct = checkStruct(`kernel ${kernel}`, element ?? bound, structs, sizes);
    if (space === 'uniform' && (!isStruct || element)) {
      throw new InputError(`kernel ${kernel}: ${name} is a uniform ${spelled(bound)}: use a struct of u32 and f32`);
    }
  }
  return code
    .replace(/\b(struct|read|uniform)\s+/g, '$1 ')
    .replace(/var<storage>/g, 'var<storage,read>')
    .replace(/\s*([<{,:])\s*|\s+([>}])|(>)\s+/g, '$1$2$3');
}

/** Whether there is a struct of this name. @param structs what stands in the braces of each. */
function checkStruct(
  kernel: string,
  name: string,
  structs: ReadonlyMap<string, string>,
  sizes: ReadonlyMap<string, number>,
): boolean {
  const body = structs.get(name);
  if (body === undefined) return false;
  const others = new Map([...structs].filter(([other]) => other !== name)); // none holds itself
  for (const text of body.split(betweenFields).map(field => field.trim())) {
    if (text === '') continue; // after the last comma
    const [, field, type] = fieldText.exec(text) ?? [];
    if (field === undefined || type === undefined) {
      throw new InputError(`${kernel}: ${name} has the field ${spelled(text)}: write its name and its type alone`);
    }
    if (type === 'u32' || type === 'f32') continue;
    const [, element = '', length = ''] = arrayType.exec(type) ?? [];
    const count = sizes.get(length) ?? Number.parseInt(length, 10);
    if (checkStruct(kernel, element, others, sizes) && count > 0) continue;
    throw new InputError(
      `${kernel}: ${name}.${field} is of type ${spelled(type)}: use u32, f32, or an array of a struct of these`,
    );
  }
  return true;
}
