/** An image to be represented: its planes, with noise and held-out pixels as asked. */

import { InputError } from '../../errors.js';
import { Random } from '../../host/random.js';
import { openImage, readPlanes } from '../../io/image/image.js';
import type { PngBits } from '../../io/image/sampling.js';
import { maskStream, noiseStream } from '../streams.js';
import { type Size, type SizeOption, sizeFor } from './size.js';

export interface ImageOptions {
  /** To which the image is resized; its own where it is absent. */
  readonly size?: SizeOption;
  /** Whether only the luma is taken. */
  readonly gray: boolean;
  /** The share of the pixels that is held out. */
  readonly mask?: number;
  /** The deviation of normal noise on what is trained on. */
  readonly noise?: number;
  /** Of noise and mask. */
  readonly seed: number;
  /** What lies behind a transparent image, a colour of CSS; white by default. */
  readonly background?: string;
}

export interface PreparedImage {
  readonly width: number;
  readonly height: number;
  /** Colour planes, or one of gray. */
  readonly planes: number;
  /** The image itself, plane by plane, in [0, 1]. */
  readonly clean: Float32Array;
  /** What is trained on: with noise, and NaN at held-out pixels. */
  readonly target: Float32Array;
  /** Targets against which reports are made, where they differ from what is trained on. */
  readonly evaluations: Readonly<Record<string, Float32Array>>;
  /** Numbers trained on, and held out. */
  readonly trained: number;
  readonly heldOut: number;
  /** Of a PNG that has what the file had. */
  readonly bits: PngBits;
  /** A line for each thing in which the planes are not what the file says. */
  readonly notes: readonly string[];
}

/**
 * @param prepare what is done to the image's planes before noise and mask.
 * @throws InputError an image that cannot be read, or has fewer than 2 x 2 pixels.
 */
export async function prepareImage(
  path: string,
  options: ImageOptions,
  prepare: (planes: Float32Array, size: Size) => Float32Array = planes => planes,
): Promise<PreparedImage> {
  const image = await openImage(path);
  if (image.width < 2 || image.height < 2) {
    throw new InputError(`image ${path}: has ${image.width} x ${image.height} pixels: use one of 2 x 2 or more`);
  }
  const notes: string[] = [];
  const note = (line: string) => notes.push(line);
  const { width, height } = sizeFor(path, image, options.size, note);
  const { gray, background } = options;
  const read = await readPlanes(image, { width, height, gray, note, ...(background !== undefined && { background }) });
  const clean = prepare(read, { width, height });
  const pixels = width * height;
  const isHeldOut = heldOutPixels(pixels, options);
  const noise = new Random(options.seed ^ noiseStream);
  const noisy = options.noise === undefined ? clean : clean.map(value => value + (options.noise ?? 0) * noise.normal());
  const only = (values: Float32Array, keep: (pixel: number) => boolean) =>
    values.map((value, i) => (keep(i % pixels) ? value : Number.NaN));
  const target = isHeldOut ? only(noisy, pixel => isHeldOut[pixel] === 0) : noisy;
  const evaluations: Record<string, Float32Array> = {};
  if (options.noise !== undefined) {
    evaluations.clean = isHeldOut ? only(clean, pixel => isHeldOut[pixel] === 0) : clean;
  }
  if (isHeldOut) evaluations.heldOut = only(clean, pixel => isHeldOut[pixel] === 1);
  const heldOut = isHeldOut ? (isHeldOut.reduce((sum, held) => sum + held, 0) * clean.length) / pixels : 0;
  return {
    width,
    height,
    planes: clean.length / pixels,
    clean,
    target,
    evaluations,
    trained: clean.length - heldOut,
    heldOut,
    bits: image.sampling.bits,
    notes,
  };
}

/** 1 for every pixel held out; undefined where none is asked. @throws InputError if none or all would be. */
function heldOutPixels(pixels: number, { mask, seed }: ImageOptions): Uint8Array | undefined {
  if (mask === undefined) return undefined;
  const random = new Random(seed ^ maskStream);
  const held = Uint8Array.from({ length: pixels }, () => (random.uniform() < mask ? 1 : 0));
  const count = held.reduce((sum, one) => sum + one, 0);
  if (count === 0 || count === pixels) {
    throw new InputError(`--mask ${mask}: holds out ${count} of ${pixels} pixels: use a fraction that splits them`);
  }
  return held;
}
