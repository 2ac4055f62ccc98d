/**
 * The safetensors format by its description, in float64: 8 bytes of the header's length, a JSON object of names to
 * { dtype, shape, data_offsets }, then the numbers, little-endian, without holes. Throws on whatever is not that.
 */

export interface ReferenceTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

export interface ReferenceFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, ReferenceTensor>;
}

const bytesOf: Readonly<Record<string, number>> = {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1, F8_E4M3FNUZ: 1, F8_E5M2FNUZ: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, I64: 8, U64: 8, F64: 8, C64: 8 },
  ...{ F4: 0.5, F6_E2M3: 0.75, F6_E3M2: 0.75 },
};

export function readSafetensors(file: Uint8Array): ReferenceFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > 100_000_000n || length + 8n > BigInt(file.length)) throw new Error('header length');
  const start = 8 + Number(length);
  const header = parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file.subarray(8, start)));
  if (!(header instanceof Map)) throw new Error('header');
  const tensors = new Map<string, ReferenceTensor>();
  const spans: [number, number][] = [];
  for (const [name, entry] of header) {
    if (name === '__metadata__') continue;
    if (!(entry instanceof Map)) throw new Error('entry');
    const [dtype, shape, offsets] = ['dtype', 'shape', 'data_offsets'].map(key => entry.get(key));
    if (typeof dtype !== 'string' || !Object.hasOwn(bytesOf, dtype)) throw new Error('dtype');
    const [sizes, [from, to]] = [wholes(shape), wholes(offsets)];
    const numbers = sizes.reduce((product, n) => product * BigInt(n), 1n);
    if (numbers > 2n ** 53n || (offsets as unknown[]).length !== 2 || from > to) throw new Error('shape or offsets');
    if (Number(numbers) * bytesOf[dtype] !== to - from || start + to > file.length) throw new Error('size');
    spans.push([from, to]);
    tensors.set(name, { dtype, shape: sizes, bytes: file.subarray(start + from, start + to) });
  }
  const covered = new Uint8Array(file.length - start);
  for (const [from, to] of spans) for (let i = from; i < to; i++) covered[i]++;
  if (covered.some(times => times !== 1)) throw new Error('overlap or hole');
  const metadata = header.get('__metadata__') ?? new Map();
  if (!(metadata instanceof Map) || [...metadata.values()].some(text => typeof text !== 'string')) {
    throw new Error('metadata');
  }
  return { metadata: Object.fromEntries(metadata), tensors };
}

function wholes(value: unknown): number[] {
  if (Array.isArray(value) && value.every(n => Number.isInteger(n) && n >= 0 && n < 2 ** 53)) return value;
  throw new Error('no list of whole numbers');
}

/** Numbers of a tensor of floats, in float64. */
export function numbersOf({ dtype, bytes }: ReferenceTensor): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kinds: Readonly<Record<string, (at: number) => number>> = {
    F32: at => view.getFloat32(at, true),
    F64: at => view.getFloat64(at, true),
    F16: at => binary(view.getUint16(at, true), 5, 10),
    BF16: at => binary(view.getUint16(at, true), 8, 7),
  };
  return Array.from({ length: bytes.length / bytesOf[dtype] }, (_, i) => kinds[dtype](i * bytesOf[dtype]));
}

/** IEEE 754's binary interchange of so many bits of exponent and of fraction. */
function binary(bits: number, exponentBits: number, fractionBits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const fraction = bits % 2 ** fractionBits;
  const exponent = Math.floor(bits / 2 ** fractionBits) % 2 ** exponentBits;
  const sign = bits >= 2 ** (exponentBits + fractionBits) ? -1 : 1;
  if (exponent === 2 ** exponentBits - 1) return fraction > 0 ? Number.NaN : sign / 0;
  const significand = (exponent > 0 ? 2 ** fractionBits : 0) + fraction;
  return sign * significand * 2 ** (Math.max(exponent, 1) - bias - fractionBits);
}

/** Tensors of bytes as a file. */
export function writeSafetensors(metadata: object, tensors: ReadonlyMap<string, ReferenceTensor>): Uint8Array {
  let at = 0;
  const entries = [...tensors].map(([name, { dtype, shape, bytes }]) => {
    at += bytes.length;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at - bytes.length, at] })}`;
  });
  const header = Buffer.from(`{${[`"__metadata__":${JSON.stringify(metadata)}`, ...entries].join()}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...[...tensors.values()].map(({ bytes }) => bytes)]);
}

/** JSON with objects as maps, of which none has a name twice. */
function parse(text: string): unknown {
  let at = 0;
  const fail = (): never => {
    throw new Error(`JSON at ${at}`);
  };
  const space = () => {
    while (' \t\r\n'.includes(text[at] ?? '?')) at++;
  };
  const take = (sign: string) => {
    space();
    const found = text.startsWith(sign, at);
    if (found) at += sign.length;
    return found;
  };
  const token = (pattern: RegExp): string => {
    space();
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? fail();
    at += found.length;
    return found;
  };
  const string = (): string => JSON.parse(token(/"(?:[^"\\]|\\.)*"/y));
  const value = (): unknown => {
    if (take('{')) {
      const map = new Map<string, unknown>();
      if (take('}')) return map;
      do {
        const name = string();
        if (map.has(name) || !take(':')) fail();
        map.set(name, value());
      } while (take(','));
      return take('}') ? map : fail();
    }
    if (take('[')) {
      const list: unknown[] = [];
      if (take(']')) return list;
      do list.push(value());
      while (take(','));
      return take(']') ? list : fail();
    }
    for (const [word, meaning] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (take(word)) return meaning;
    }
    return text[at] === '"' ? string() : Number(token(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y));
  };
  if (text[0] !== '{') fail();
  const whole = value();
  space();
  return at === text.length ? whole : fail();
}
