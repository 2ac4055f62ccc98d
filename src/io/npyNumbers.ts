/** The numbers of NPY files, of every type, order of bytes and order of axes. */

/** A type of numbers as a file holds them. */
export interface StoredType {
  /** NumPy's. */
  readonly name: string;
  readonly bytes: number;
  readonly letter: 'b' | 'i' | 'u' | 'f';
  readonly isLittle: boolean;
}

const names = { b: 'bool', i: 'int', u: 'uint', f: 'float' } as const;
const sizes = { b: [1], i: [1, 2, 4, 8], u: [1, 2, 4, 8], f: [2, 4, 8] } as const;

/** What a header's description means, if it is a type that is read. */
export function npyTypeOf(described: string): StoredType | undefined {
  const [, order, code, digits] = /^([<>|=]?)([biuf])(\d)$/.exec(described) ?? [];
  const letter = code as StoredType['letter'] | undefined;
  const bytes = Number(digits);
  if (!letter || !sizes[letter].some(size => size === bytes) || (order === '|' && bytes > 1)) return undefined;
  return { name: letter === 'b' ? names.b : `${names[letter]}${8 * bytes}`, bytes, letter, isLittle: order !== '>' };
}

/** A copy of the numbers, in the order of the file: bytes and bools as they are, others in the float that holds them. */
export function npyNumbers(bytes: Uint8Array, type: StoredType): Uint8Array | Float32Array | Float64Array {
  const { bytes: size, letter, isLittle } = type;
  const copied = () => new Uint8Array(bytes); // `slice` of Node's buffers copies nothing
  if (size === 1 && letter !== 'i') return copied();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = readerOf(view, type);
  const isShort = size < 4 || (letter === 'f' && size === 4);
  if (letter === 'f' && size === 4 && isLittle) return new Float32Array(copied().buffer); // the numbers need not be aligned
  const data = new (isShort ? Float32Array : Float64Array)(bytes.length / size);
  for (let i = 0; i < data.length; i++) data[i] = at(i * size);
  return data;
}

function readerOf(view: DataView, { bytes, letter, isLittle }: StoredType): (at: number) => number {
  const readers: Readonly<Record<string, (at: number) => number>> = {
    i1: at => view.getInt8(at),
    i2: at => view.getInt16(at, isLittle),
    i4: at => view.getInt32(at, isLittle),
    i8: at => Number(view.getBigInt64(at, isLittle)),
    u2: at => view.getUint16(at, isLittle),
    u4: at => view.getUint32(at, isLittle),
    u8: at => Number(view.getBigUint64(at, isLittle)),
    f2: at => halfFloat(view.getUint16(at, isLittle)),
    f4: at => view.getFloat32(at, isLittle),
    f8: at => view.getFloat64(at, isLittle),
  };
  return readers[`${letter}${bytes}`];
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** In C order what lies in Fortran's, where the first axis runs fastest. */
export function fromFortranOrder<T extends Uint8Array | Float32Array | Float64Array>(
  numbers: T,
  shape: readonly number[],
): T {
  const data = numbers.slice() as T;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, n) => product * n, 1));
  const index = shape.map(() => 0);
  let from = 0;
  for (let at = 0; at < data.length; at++) {
    data[at] = numbers[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return data;
}
