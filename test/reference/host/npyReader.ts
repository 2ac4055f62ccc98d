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
