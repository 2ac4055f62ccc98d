/** From the library's numbers, pixel by pixel, to planes. */

import { InputError } from '../../errors.js';
import type { Colour } from './background.js';

export type Samples = Uint8Array | Uint16Array | Uint32Array | Float32Array;

export interface PixelFormat {
  /** Red, green, blue, and perhaps alpha, which has not been multiplied in. */
  readonly channels: number;
  /** The number that stands for white, and for an alpha that hides all. */
  readonly white: number;
  /** What lies behind, where there is an alpha. */
  readonly background: Colour;
  /** Whether there is one plane, of luma (ITU-R BT.601), instead of three. */
  readonly gray: boolean;
}

export interface Planes {
  readonly planes: Float32Array;
  /** Whether the background shows anywhere. */
  readonly isLaidOver: boolean;
}

/** White is 1 in the planes. */
export function planesOf(samples: Samples, { channels, white, background, gray }: PixelFormat): Planes {
  const pixels = samples.length / channels;
  const planes = new Float32Array(gray ? pixels : 3 * pixels);
  const hasAlpha = channels > 3;
  let isLaidOver = false;
  for (let i = 0; i < pixels; i++) {
    const at = channels * i;
    let [red, green, blue] = [samples[at] / white, samples[at + 1] / white, samples[at + 2] / white];
    if (hasAlpha && samples[at + 3] < white) {
      const alpha = Math.max(0, samples[at + 3] / white);
      isLaidOver = true;
      red = over(red, alpha, background[0]);
      green = over(green, alpha, background[1]);
      blue = over(blue, alpha, background[2]);
    }
    if (gray) {
      planes[i] = 0.299 * red + 0.587 * green + 0.114 * blue;
    } else {
      planes[i] = red;
      planes[pixels + i] = green;
      planes[2 * pixels + i] = blue;
    }
  }
  return { planes, isLaidOver };
}

function over(colour: number, alpha: number, background: number): number {
  return alpha * colour + (1 - alpha) * background;
}

/** The least and the greatest number. @throws InputError one that is not finite. */
export function rangeOf(path: string, planes: Float32Array): readonly [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of planes) {
    if (!Number.isFinite(value)) {
      throw new InputError(`image ${path}: holds ${value}: give an image whose numbers are finite`);
    }
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}
