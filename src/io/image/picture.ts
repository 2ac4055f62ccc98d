/** Pictures of one byte per channel, painted part by part, and written as PNG. */

import { loadSharp } from './sharp.js';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 for gray, 3 for RGB. */
  readonly channels: 1 | 3;
  /** Row by row, the channels of a pixel together. */
  readonly data: Uint8ClampedArray;
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

export function blackPicture(width: number, height: number, channels: 1 | 3): Picture {
  return { width, height, channels, data: new Uint8ClampedArray(channels * width * height) };
}

/** Paints planes of numbers, (channels, height, width); what lies outside [0, 1] is cut off, NaN is black. */
export function paint(picture: Picture, planes: ArrayLike<number>, { left, top, width, height }: Place): void {
  const { data, channels } = picture;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * height + row) * width;
      const to = channels * ((top + row) * picture.width + left) + channel;
      // The array's own conversion rounds, cuts off, and takes NaN for 0.
      for (let column = 0; column < width; column++) data[to + channels * column] = 255 * planes[from + column];
    }
  }
}

/** A picture of whole planes, (channels, height, width). */
export function pictureOf(planes: ArrayLike<number>, width: number, height: number): Picture {
  const picture = blackPicture(width, height, channelsOf(planes.length / (width * height)));
  paint(picture, planes, { left: 0, top: 0, width, height });
  return picture;
}

/** Pictures of one height and as many channels beside each other, a white line between. */
export function besideEachOther(pictures: readonly Picture[]): Picture {
  const gap = 4;
  const [{ height, channels }] = pictures;
  const width = pictures.reduce((sum, picture) => sum + picture.width + gap, -gap);
  const whole = blackPicture(width, height, channels);
  whole.data.fill(255);
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
  // Unless told, sharp makes three channels of one.
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}
