/** An image to be represented: its planes, with noise, held-out and validation pixels as asked. */

import { InputError } from '../../errors.js';
import { Random } from '../../host/random.js';
import { openImage, readPlanes } from '../../io/image/image.js';
import type { PngBits } from '../../io/image/sampling.js';
import { maskStream, noiseStream, validationStream } from '../streams.js';
import { type Size, type SizeOption, sizeFor } from './size.js';

export interface ImageOptions {
  /** To which the image is resized; its own where it is absent. */
  readonly size?: SizeOption;
  /** Whether only the luma is taken, of a file in colour too. */
  readonly gray: boolean;
  /** The share of the pixels that is held out. */
  readonly mask?: number;
  /** The share of what is left that is not trained on, and by which the best state is told. */
  readonly validate?: number;
  /** The deviation of normal noise on what is trained on. */
  readonly noise?: number;
  /** Of noise, mask and validation. */
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
  /** What is trained on: with noise, and NaN at held-out and validation pixels. */
  readonly target: Float32Array;
  /** Of each plane, over what is trained on. */
  readonly means: readonly number[];
  /** Targets against which reports are made, where they differ from what is trained on. */
  readonly evaluations: Readonly<Record<string, Float32Array>>;
  /** Numbers trained on, held out, and of the validation. */
  readonly trained: number;
  readonly heldOut: number;
  readonly validation: number;
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
  const planes = { width, height, gray: gray || ('as in the file' as const) };
  const read = await readPlanes(image, { ...planes, note, ...(background !== undefined && { background }) });
  const clean = prepare(read, { width, height });
  const pixels = width * height;
  const parts = partsOf(pixels, options);
  const noise = new Random((options.seed ^ noiseStream) >>> 0);
  const noisy = options.noise === undefined ? clean : clean.map(value => value + (options.noise ?? 0) * noise.normal());
  const only = (values: Float32Array, part: Part) =>
    parts ? values.map((value, i) => (parts[i % pixels] === part ? value : Number.NaN)) : values;
  const numbersOf = (part: Part) => {
    const count = parts
      ? parts.reduce((sum, one) => sum + Number(one === part), 0)
      : part === Part.trained
        ? pixels
        : 0;
    return (count * clean.length) / pixels;
  };
  const evaluations: Record<string, Float32Array> = {};
  if (options.noise !== undefined) evaluations.clean = only(clean, Part.trained);
  if (options.mask !== undefined) evaluations.heldOut = only(clean, Part.heldOut);
  // With its noise: who has to choose a state has nothing else.
  if (options.validate !== undefined) evaluations.validation = only(noisy, Part.validation);
  const target = only(noisy, Part.trained);
  return {
    width,
    height,
    planes: clean.length / pixels,
    clean,
    target,
    means: meansOf(target, clean.length / pixels),
    evaluations,
    trained: numbersOf(Part.trained),
    heldOut: numbersOf(Part.heldOut),
    validation: numbersOf(Part.validation),
    bits: image.sampling.bits,
    notes,
  };
}

/** What a pixel is for. */
const Part = { trained: 0, heldOut: 1, validation: 2 } as const;
type Part = (typeof Part)[keyof typeof Part];

/** What each pixel is for; undefined where all are trained on. @throws InputError a share that leaves none on one side. */
function partsOf(pixels: number, { mask, validate, seed }: ImageOptions): Uint8Array | undefined {
  if (mask === undefined && validate === undefined) return undefined;
  const parts = new Uint8Array(pixels);
  const draw = (option: string, share: number, stream: number, part: Part) => {
    const random = new Random((seed ^ stream) >>> 0);
    let [left, taken] = [0, 0];
    for (let pixel = 0; pixel < pixels; pixel++) {
      const drawn = random.uniform() < share;
      if (parts[pixel] !== Part.trained) continue;
      left++;
      if (!drawn) continue;
      parts[pixel] = part;
      taken++;
    }
    if (taken > 0 && taken < left) return;
    throw new InputError(`${option} ${share}: holds out ${taken} of ${left} pixels: use a fraction that splits them`);
  };
  if (mask !== undefined) draw('--mask', mask, maskStream, Part.heldOut);
  if (validate !== undefined) draw('--validate', validate, validationStream, Part.validation);
  return parts;
}

/** The mean of each plane, of the numbers in it. */
function meansOf(target: Float32Array, planes: number): number[] {
  const pixels = target.length / planes;
  return Array.from({ length: planes }, (_, plane) => {
    const numbers = target.slice(plane * pixels, (plane + 1) * pixels).filter(value => !Number.isNaN(value));
    return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  });
}
