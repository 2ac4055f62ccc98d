/** The header of a PLY file, its claims held against the file's size. */

import type { Fail } from './corners.js';

const types = {
  int8: ['char', 1],
  uint8: ['uchar', 1],
  int16: ['short', 2],
  uint16: ['ushort', 2],
  int32: ['int', 4],
  uint32: ['uint', 4],
  float32: ['float', 4],
  float64: ['double', 8],
} as const;
const namesOfTypes = new Map<string, keyof typeof types>(
  (Object.keys(types) as (keyof typeof types)[]).flatMap(type => [
    [type, type],
    [types[type][0], type],
  ]),
);
const formats = ['ascii', 'binary_little_endian', 'binary_big_endian'];
const mostHeaderBytes = 65_536;
/** A digit and what parts it from the next. */
const leastTextBytes = 2;

export interface PlyElement {
  readonly name: string;
  readonly count: number;
  readonly properties: {
    readonly name: string;
    readonly type: keyof typeof types;
    /** Of a list, the type of its count. */
    readonly length?: keyof typeof types;
  }[];
}

export interface PlyHeader {
  readonly format: string;
  readonly elements: readonly PlyElement[];
  readonly bytes: number;
  readonly lines: number;
}

/** @throws by `fail` a header that is none, or claims more than the file holds. */
export function plyHeader(bytes: Uint8Array, fail: Fail): PlyHeader {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, mostHeaderBytes));
  // Of a file whose lines end with CR alone, a line feed after the header is a number's first byte.
  const header =
    /^ply[ \t]*(?:\r?\n)([\s\S]*?\n)?end_header[ \t]*\r?\n/.exec(text) ??
    /^ply[ \t]*\r([^\n]*?\r)?end_header[ \t]*\r/.exec(text);
  if (!header) return fail('has no PLY header');
  const lines = (header[1] ?? '').split(/\r\n|\r|\n/).map(line => line.trim().split(/\s+/));
  const format = lines.find(([word]) => word === 'format')?.[1] ?? '';
  if (!formats.includes(format)) fail('is of no known PLY format');
  const elements = elementsOf(lines, fail);
  const held = bytes.length - header[0].length;
  const least = (type: keyof typeof types) => (format === 'ascii' ? leastTextBytes : types[type][1]);
  const taken = elements.reduce(
    (sum, { count, properties }) =>
      sum + count * properties.reduce((all, one) => all + least(one.length ?? one.type), 0),
    format === 'ascii' ? -1 : 0, // the last number may end the file
  );
  if (taken > held) fail(`claims elements of at least ${taken} bytes and has ${held}`);
  return { format, elements, bytes: header[0].length, lines: lines.length + 1 };
}

function elementsOf(lines: readonly (readonly string[])[], fail: Fail): PlyElement[] {
  const elements: PlyElement[] = [];
  for (const [word, ...rest] of lines) {
    if (word === 'element') {
      const [name = '', count = ''] = rest;
      if (!/^\d{1,15}$/.test(count)) fail('has an element without a count');
      if (elements.some(element => element.name === name)) fail('has two elements of one name');
      elements.push({ name, count: Number(count), properties: [] });
    } else if (word === 'property') {
      const isList = rest[0] === 'list';
      const [type, length] = (isList ? [rest[2], rest[1]] : [rest[0]]).map(one => namesOfTypes.get(one));
      if (!type || (isList && !length)) return fail('has a property of no known type');
      const properties = elements.at(-1)?.properties ?? fail('has a property of no element');
      const name = rest[isList ? 3 : 1] ?? '';
      if (properties.some(property => property.name === name)) fail('has two properties of one name');
      properties.push({ name, type, ...(length && { length }) });
    } else if (!['', 'format', 'comment', 'obj_info'].includes(word)) {
      fail('has a header line that PLY does not know');
    }
  }
  // Any number of elements that hold nothing would be gone through.
  if (elements.some(({ count, properties }) => count > 0 && properties.length === 0)) {
    fail('has elements without properties');
  }
  return elements;
}
