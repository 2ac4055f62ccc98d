/** Pictures that are painted part by part, one byte a channel, so that their numbers are never together in memory. */

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

export function blackPicture(width: number, height: number, channels: 1 | 3): Picture {
  return { width, height, channels, data: new Uint8ClampedArray(channels * width * height) };
}

/** Paints planes of numbers, (channels, height, width); what lies outside [0, 1] is cut off, NaN is black. */
export function paint(picture: Picture, planes: Float32Array, { left, top, width, height }: Place): void {
  const { data, channels } = picture;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * height + row) * width;
      const to = channels * ((top + row) * picture.width + left) + channel;
      for (let column = 0; column < width; column++) data[to + channels * column] = 255 * planes[from + column];
    }
  }
}

export async function encodePicture({ data, width, height, channels }: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp();
  // Unless told, sharp makes three channels of one.
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}
