/** The header of a PLY file against its size: what a loader that trusts the header must not be given. */

/** Bytes of a number in a binary file. */
const typeBytes: Readonly<Record<string, number>> = {
  char: 1,
  uchar: 1,
  short: 2,
  ushort: 2,
  int: 4,
  uint: 4,
  float: 4,
  double: 8,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  float64: 8,
};
const formats = ['ascii', 'binary_little_endian', 'binary_big_endian'];
const mostHeaderBytes = 65_536;
/** A digit and what parts it from the next. */
const leastTextBytes = 2;

interface Element {
  readonly name: string;
  readonly count: number;
  /** The type of each property's first number: its own, or that of a list's length. */
  readonly types: string[];
}

/**
 * How many vertices and faces a PLY file has.
 *
 * @param fail throws with what is wrong: a header that is none, or claims more than the file holds.
 */
export function plyCounts(bytes: Uint8Array, fail: (what: string) => never): { vertices: number; faces: number } {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, mostHeaderBytes));
  const header = /^ply\r?\n([\s\S]*?\n)?end_header(\r\n|\r|\n)/.exec(text);
  if (!header) return fail('has no PLY header');
  const lines = (header[1] ?? '').split(/\r?\n/).map(line => line.trim().split(/\s+/));
  const format = lines.find(([word]) => word === 'format')?.[1] ?? '';
  if (!formats.includes(format)) fail('is of no known PLY format');
  const elements = elementsOf(lines, fail);
  const held = bytes.length - header[0].length;
  const least = (type: string) => (format === 'ascii' ? leastTextBytes : typeBytes[type]);
  const taken = elements.reduce(
    (sum, { count, types }) => sum + count * types.reduce((bytesOfOne, type) => bytesOfOne + least(type), 0),
    format === 'ascii' ? -1 : 0, // the last number may end the file
  );
  if (taken > held) fail(`claims elements of at least ${taken} bytes and has ${held}`);
  const count = (name: string) => elements.find(element => element.name === name)?.count ?? 0;
  return { vertices: count('vertex'), faces: count('face') };
}

function elementsOf(lines: readonly (readonly string[])[], fail: (what: string) => never): Element[] {
  const elements: Element[] = [];
  for (const [word, ...rest] of lines) {
    if (word === 'element') {
      const [name = '', count = ''] = rest;
      if (!/^\d{1,15}$/.test(count)) fail('has an element without a count');
      if (elements.some(element => element.name === name)) fail('has two elements of one name');
      elements.push({ name, count: Number(count), types: [] });
    } else if (word === 'property') {
      const types = rest[0] === 'list' ? rest.slice(1, 3) : rest.slice(0, 1);
      if (!types.every(type => Object.hasOwn(typeBytes, type)) || types.length < 1)
        fail('has a property of no known type');
      if (!elements.length) fail('has a property of no element');
      elements.at(-1)?.types.push(types[0]);
    } else if (!['', 'format', 'comment', 'obj_info'].includes(word)) {
      fail('has a header line that PLY does not know');
    }
  }
  // A loader would go through any number of elements that hold nothing.
  if (elements.some(({ count, types }) => count > 0 && types.length === 0)) fail('has elements without properties');
  return elements;
}
