/** Types of numbers in a safetensors file: how many bits each takes, and how those that are read become float32. */

/** Bits a number, for every type of the format. */
export const bitsOfType: Readonly<Record<string, number>> = {
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ I16: 16, U16: 16, F16: 16, BF16: 16 },
  ...{ I32: 32, U32: 32, F32: 32 },
  ...{ I64: 64, U64: 64, F64: 64, C64: 64 },
};

/** From little-endian bytes that start a buffer of their own. */
type Reader = (bytes: Uint8Array<ArrayBuffer>) => Float32Array;

/** The types that are read. A number of F64 is rounded, and one past float32's range becomes infinite. */
export const readers: Readonly<Record<string, Reader>> = {
  F32: ({ buffer }) => new Float32Array(buffer),
  F64: ({ buffer }) => Float32Array.from(new Float64Array(buffer)),
  F16: ({ buffer }) => Float32Array.from(new Uint16Array(buffer), fromHalf),
  BF16: ({ buffer }) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), bits => bits << 16).buffer),
};

/** IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction. */
function fromHalf(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}
