/** PNG by its specification (W3C, third edition): pixels as numbers in [0, 1], and files from them. */

import { crc32, deflateSync, inflateSync } from 'node:zlib';

export interface ReferencePng {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  /** Red, green, blue, alpha, pixel by pixel; alpha has not been multiplied in. */
  readonly pixels: Float64Array;
}

const signature = [137, 80, 78, 71, 13, 10, 26, 10];
const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
/** Adam7: first column and row, then the steps between them. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** Throws on a file whose critical chunks or data are damaged; an end may be missing, or damaged. */
export function readPng(file: Uint8Array): ReferencePng {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (signature.some((value, i) => bytes[i] !== value)) throw new Error('signature');
  const data: Buffer[] = [];
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const name = bytes.toString('latin1', at + 4, at + 8);
    const end = at + 8 + length;
    // What follows the data is not part of the picture.
    if (end + 4 > bytes.length || (data.length > 0 && name !== 'IDAT')) break;
    const whole = crc32(bytes.subarray(at + 4, end)) === bytes.readUInt32BE(end);
    if (!whole && /^[A-Z]/.test(name)) throw new Error(`CRC of ${name}`);
    const content = bytes.subarray(at + 8, end);
    if (name === 'IDAT') data.push(content);
    else if (whole && !chunks.has(name)) chunks.set(name, content);
    else if (/^[A-Z]/.test(name)) throw new Error(`two of ${name}`);
    at = end + 4;
  }
  const head = chunks.get('IHDR');
  if (head?.length !== 13) throw new Error('IHDR');
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const [depth, colour, compression, filter, interlace] = head.subarray(8);
  if (!depthsOf[colour]?.includes(depth) || compression || filter || interlace > 1) throw new Error('IHDR');
  if (width < 1 || height < 1 || width * height > 1e6) throw new Error('size');
  const samples = unfiltered(inflateSync(Buffer.concat(data)), {
    width,
    height,
    depth,
    channels: channelsOf[colour],
    interlace,
  });
  return {
    width,
    height,
    depth,
    pixels: colours(samples, { colour, depth, palette: chunks.get('PLTE'), clear: chunks.get('tRNS') }),
  };
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly channels: number;
  readonly interlace: number;
}

/** Samples as whole numbers, pixel by pixel. */
function unfiltered(data: Buffer, { width, height, depth, channels, interlace }: Layout): Float64Array {
  const samples = new Float64Array(width * height * channels);
  let at = 0;
  for (const [left, top, across, down] of interlace ? passes : [[0, 0, 1, 1]]) {
    const [columns, rows] = [Math.ceil((width - left) / across), Math.ceil((height - top) / down)];
    if (columns < 1 || rows < 1) continue;
    const length = Math.ceil((columns * channels * depth) / 8);
    const step = Math.max(1, (channels * depth) / 8);
    let above = new Uint8Array(length);
    for (let row = 0; row < rows; row++) {
      const kind = data[at++];
      const line = Uint8Array.from(data.subarray(at, at + length));
      if (line.length < length || kind > 4) throw new Error('data');
      at += length;
      for (let i = 0; i < length; i++) {
        const [a, b, c] = [line[i - step] ?? 0, above[i], above[i - step] ?? 0];
        line[i] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][kind];
      }
      for (let i = 0; i < columns * channels; i++) {
        const bit = i * depth;
        const byte = line[bit >> 3];
        const value =
          depth === 16 ? 256 * byte + line[(bit >> 3) + 1] : (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
        const [x, y] = [left + across * Math.floor(i / channels), top + down * row];
        samples[(y * width + x) * channels + (i % channels)] = value;
      }
      above = line;
    }
  }
  return samples;
}

function paeth(a: number, b: number, c: number): number {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

interface Colours {
  readonly colour: number;
  readonly depth: number;
  readonly palette: Buffer | undefined;
  readonly clear: Buffer | undefined;
}

function colours(samples: Float64Array, { colour, depth, palette, clear }: Colours): Float64Array {
  const channels = channelsOf[colour];
  const white = 2 ** depth - 1;
  if (colour === 3 && !palette) throw new Error('no palette');
  const pixel = (own: Float64Array): number[] => {
    if (colour === 3) {
      const at = 3 * own[0];
      if (!palette || at + 3 > palette.length) throw new Error('palette');
      return [...palette.subarray(at, at + 3), clear?.[own[0]] ?? 255].map(value => value / 255);
    }
    const hasAlpha = colour >= 4;
    const isClear = !hasAlpha && clear && own.every((value, i) => value === clear.readUInt16BE(2 * i) % (white + 1));
    const alpha = hasAlpha ? own[channels - 1] / white : isClear ? 0 : 1;
    const rgb = colour % 4 === 0 ? [own[0], own[0], own[0]] : [...own.subarray(0, 3)];
    return [...rgb.map(value => value / white), alpha];
  };
  const count = samples.length / channels;
  return Float64Array.from(
    Array.from({ length: count }, (_, i) => pixel(samples.subarray(i * channels, (i + 1) * channels))).flat(),
  );
}

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Of the specification: 0 gray, 2 colour, 3 palette, 4 gray with alpha, 6 colour with alpha. */
  readonly colour: number;
  /** Whole numbers, pixel by pixel. */
  readonly samples: ArrayLike<number>;
  /** Chunks between the header and the data. */
  readonly chunks?: Readonly<Record<string, Uint8Array>>;
}

export function writePng({ width, height, depth, colour, samples, chunks = {} }: PngParts): Buffer {
  const perRow = width * channelsOf[colour];
  const rows = Array.from({ length: height }, (_, row) => {
    const bits = Array.from({ length: perRow }, (__, i) =>
      samples[row * perRow + i].toString(2).padStart(depth, '0'),
    ).join('');
    return [0, ...(bits.match(/.{1,8}/g) ?? []).map(byte => Number.parseInt(byte.padEnd(8, '0'), 2))];
  });
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([depth, colour], 8);
  const all = { IHDR: head, ...chunks, IDAT: deflateSync(Uint8Array.from(rows.flat())), IEND: Buffer.alloc(0) };
  return Buffer.concat([
    Uint8Array.from(signature),
    ...Object.entries(all).map(([name, content]) => chunkOf(name, content)),
  ]);
}

function chunkOf(name: string, content: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + content.length);
  chunk.writeUInt32BE(content.length, 0);
  chunk.write(name, 4, 'latin1');
  chunk.set(content, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + content.length)), 8 + content.length);
  return chunk;
}
