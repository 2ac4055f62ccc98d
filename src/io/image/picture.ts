/** Pictures of 8 or 16 bits a channel, painted part by part, and written as PNG. */

import type { PngBits } from './sampling.js';
import { loadSharp } from './sharp.js';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 for gray, 3 for RGB. */
  readonly channels: 1 | 3;
  /** Row by row, the channels of a pixel together; 8 bits a channel, or 16. */
  readonly data: Uint8ClampedArray | Uint16Array;
}

/** Where in a picture a part of it stands, in pixels. */
export interface Place {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** One gray plane, or three of colour. */
export function channelsOf(planes: number): 1 | 3 {
  return planes === 1 ? 1 : 3;
}

export function blackPicture(width: number, height: number, channels: 1 | 3, bits: PngBits = 8): Picture {
  const numbers = channels * width * height;
  return { width, height, channels, data: bits === 8 ? new Uint8ClampedArray(numbers) : new Uint16Array(numbers) };
}

/** The number of a channel that is white. */
function whiteOf({ data }: Picture): number {
  return 2 ** (8 * data.BYTES_PER_ELEMENT) - 1;
}

/** Paints planes of numbers, (channels, height, width); what lies outside [0, 1] is cut off, NaN is black. */
export function paint(picture: Picture, planes: ArrayLike<number>, { left, top, width, height }: Place): void {
  const { data, channels } = picture;
  const white = whiteOf(picture);
  const isWide = data instanceof Uint16Array;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * height + row) * width;
      const to = channels * ((top + row) * picture.width + left) + channel;
      for (let column = 0; column < width; column++) {
        const value = white * planes[from + column];
        // The conversion to bytes rounds, cuts off, and takes NaN for 0 by itself; that to 16 bits only the last.
        data[to + channels * column] = isWide ? Math.min(white, Math.max(0, Math.round(value))) : value;
      }
    }
  }
}

/** A picture of whole planes, (channels, height, width). */
export function pictureOf(planes: ArrayLike<number>, width: number, height: number, bits: PngBits = 8): Picture {
  const picture = blackPicture(width, height, channelsOf(planes.length / (width * height)), bits);
  paint(picture, planes, { left: 0, top: 0, width, height });
  return picture;
}

/** Pictures of one height, depth and as many channels beside each other, a white line between. */
export function besideEachOther(pictures: readonly Picture[]): Picture {
  const gap = 4;
  const [{ height, channels, data: first }] = pictures;
  const width = pictures.reduce((sum, picture) => sum + picture.width + gap, -gap);
  const whole = blackPicture(width, height, channels, first instanceof Uint16Array ? 16 : 8);
  whole.data.fill(whiteOf(whole));
  let left = 0;
  for (const { data, width: own } of pictures) {
    for (let row = 0; row < height; row++) {
      const start = channels * row * own;
      whole.data.set(data.subarray(start, start + channels * own), channels * (row * width + left));
    }
    left += own + gap;
  }
  return whole;
}

export async function encodePng({ data, width, height, channels }: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const [gray, colour] = data instanceof Uint16Array ? (['grey16', 'rgb16'] as const) : (['b-w', 'srgb'] as const);
  // Unless told, sharp makes three channels of one, and 8 bits of 16.
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace(channels === 1 ? gray : colour)
    .png()
    .toBuffer();
}
