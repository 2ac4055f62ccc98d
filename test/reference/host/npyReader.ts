/** One number of an NPY file, straight from the format's text: its header, strides, and IEEE 754, in float64. */

/** An integer of a file's bytes, the least significant first. */
function unsigned(bytes: readonly number[]): bigint {
  return bytes.reduceRight((sum, byte) => 256n * sum + BigInt(byte), 0n);
}

/** IEEE 754 of any width, from its bits: so many of them are the exponent's, so many the fraction's. */
function float(bits: bigint, exponentBits: number, fractionBits: number): number {
  const fraction = Number(bits & ((1n << BigInt(fractionBits)) - 1n));
  const exponent = Number((bits >> BigInt(fractionBits)) & ((1n << BigInt(exponentBits)) - 1n));
  const sign = (bits >> BigInt(fractionBits + exponentBits)) & 1n ? -1 : 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 * bias + 1) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  const share = fraction / 2 ** fractionBits;
  return exponent === 0 ? sign * share * 2 ** (1 - bias) : sign * (1 + share) * 2 ** (exponent - bias);
}

/** What a file's header says, by JSON; undefined where it says nothing that an array of numbers can have. */
export function npyHeaderOf(file: Uint8Array): { shape: number[]; isFortran: boolean; type: string } | undefined {
  const isShort = file[6] === 1;
  const length = isShort ? file[8] + 256 * file[9] : file[8] + 256 * (file[9] + 256 * (file[10] + 256 * file[11]));
  const begin = isShort ? 10 : 12;
  const text = new TextDecoder().decode(file.subarray(begin, begin + length));
  const strings: string[] = [];
  const bare = text.replace(
    /(?<!\w)u?('[^'\\\n]*'|"[^"\\\n]*")/g,
    (_, quoted: string) => ` "${strings.push(quoted.slice(1, -1)) - 1}" `,
  );
  const pair = /\([^()[\]{}]*\)|\[[^()[\]{}]*\]|\{[^()[\]{}]*\}/g; // JSON has one kind of bracket for two of Python's
  let unpaired = bare;
  while (unpaired.search(pair) >= 0) unpaired = unpaired.replace(pair, '');
  if (/[()[\]{}]/.test(unpaired)) return undefined;
  if (/[.\\]|\d[eE]/.test(bare)) return undefined; // escapes, and numbers that JSON takes for whole ones
  let json = bare
    .replace(/\f/g, ' ')
    .replace(/\bTrue\b/g, 'true')
    .replace(/\bFalse\b/g, 'false')
    .replace(/(\d)L\b/g, '$1');
  const single = /\(\s*([-\w"]+)\s*\)/g; // brackets around one value, which are none
  while (json.search(single) >= 0) json = json.replace(single, ' $1 ');
  json = json
    .replace(/\[/g, '["list",')
    .replace(/\(/g, '["tuple",')
    .replace(/\)/g, ']')
    .replace(/,\s*([\]}])/g, '$1');
  let said: unknown;
  try {
    said = JSON.parse(json);
  } catch {
    return undefined;
  }
  const entries = new Map(Object.entries(said as object).map(([key, value]) => [strings[Number(key)], value]));
  const [shape, isFortran] = [entries.get('shape'), entries.get('fortran_order')];
  const type = strings[Number(entries.get('descr'))] ?? '';
  if (!Array.isArray(shape) || shape[0] !== 'tuple' || typeof isFortran !== 'boolean') return undefined;
  const numbers: unknown[] = shape.slice(1);
  if (!numbers.every((n): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)) return undefined;
  if (!/^([<>=]?([iuf][248]|[iub]1)|\|[iub]1)$/.test(type) || type.endsWith('f1')) return undefined;
  return { shape: numbers, isFortran, type };
}

/** The number at an index of as many entries as axes, of a version 1.0 file. */
export function npyNumber(file: Uint8Array, index: readonly number[]): number {
  const begin = 10 + file[8] + 256 * file[9];
  const header = String.fromCharCode(...file.subarray(10, begin));
  const [, order, kind, digits] = /'descr': '(.)(.)(\d)'/.exec(header) as RegExpExecArray;
  const shape = ((/'shape': \((.*?)\)/.exec(header) as RegExpExecArray)[1].match(/\d+/g) ?? []).map(Number);
  const isFortran = header.includes("'fortran_order': True");
  const strides = shape.map((_, axis) =>
    (isFortran ? shape.slice(0, axis) : shape.slice(axis + 1)).reduce((product, n) => product * n, 1),
  );
  const size = Number(digits);
  const at = begin + size * index.reduce((sum, i, axis) => sum + i * strides[axis], 0);
  const bytes = [...file.subarray(at, at + size)];
  const bits = unsigned(order === '>' ? bytes.reverse() : bytes);
  if (kind === 'f') return float(bits, [5, 8, 11][Math.log2(size) - 1], [10, 23, 52][Math.log2(size) - 1]);
  return Number(kind === 'i' && bits >> BigInt(8 * size - 1) ? bits - (1n << BigInt(8 * size)) : bits);
}
