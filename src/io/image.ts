/** Images from and to files, as planes of numbers in [0, 1]. */

import type { Metadata } from 'sharp';
import { InputError } from '../errors.js';
import { readBytes } from './files.js';
import { loadSharp } from './sharp.js';

/** 8-bit RGB, row by row. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** An image file that was opened and found whole as far as its header goes; its pixels are not decoded yet. */
export interface ImageFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Larger images are refused before they are decoded. */
const mostPixels = 64e6;
const mostBytes = 512e6;
const formats = ['png', 'jpeg', 'webp', 'tiff'];
/** EXIF orientations from this on swap width and height. */
const firstTransposed = 5;

/**
 * Opens an image file: PNG, JPEG, WebP or TIFF.
 *
 * @throws InputError a file that is missing, empty, no image, or larger than 64 million pixels.
 */
export async function openImage(path: string): Promise<ImageFile> {
  const bytes = await readBytes('image', path, mostBytes);
  const { format, width, height, orientation = 1 } = await metadataOf(path, bytes);
  if (!format || !formats.includes(format) || !width || !height) {
    throw new InputError(`image ${path}: is no image that can be read: give a PNG or JPEG file`);
  }
  if (width * height > mostPixels) {
    throw new InputError(
      `image ${path}: has ${width} x ${height} pixels: use one of at most ${mostPixels / 1e6} million`,
    );
  }
  return orientation >= firstTransposed
    ? { path, bytes, width: height, height: width }
    : { path, bytes, width, height };
}

async function metadataOf(path: string, bytes: Uint8Array): Promise<Metadata> {
  const sharp = await loadSharp();
  try {
    // The size is checked by the caller, who has better words for it.
    return await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch {
    throw new InputError(`image ${path}: is no image that can be read: give a PNG or JPEG file`);
  }
}

/**
 * Its pixels, upright, at the given size, the file's own by default; by Catmull and Rom's cubic filter. An alpha
 * channel is left out.
 *
 * @throws InputError a file that is damaged or cut short.
 */
export async function decodeImage(file: ImageFile, width = file.width, height = file.height): Promise<Image> {
  const sharp = await loadSharp();
  const pipeline = sharp(file.bytes, { limitInputPixels: mostPixels, failOn: 'warning' }).autoOrient();
  try {
    const { data } = await pipeline
      .removeAlpha()
      .toColourspace('srgb')
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width, height, data };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new InputError(`image ${file.path}: is damaged or cut short (${reason}): give a whole file`);
  }
}

/** Colour planes, or one of gray (ITU-R BT.601 luma), each (height, width), in [0, 1]. */
export function toPlanes({ width, height, data }: Image, gray: boolean): Float32Array {
  const pixels = width * height;
  const planes = new Float32Array(gray ? pixels : 3 * pixels);
  for (let i = 0; i < pixels; i++) {
    const [red, green, blue] = [data[3 * i] / 255, data[3 * i + 1] / 255, data[3 * i + 2] / 255];
    if (gray) {
      planes[i] = 0.299 * red + 0.587 * green + 0.114 * blue;
    } else {
      planes[i] = red;
      planes[pixels + i] = green;
      planes[2 * pixels + i] = blue;
    }
  }
  return planes;
}

/** An 8-bit image of one gray plane or three colour planes; numbers outside [0, 1] are cut off, NaN is black. */
export function fromPlanes(planes: ArrayLike<number>, width: number, height: number): Image {
  const pixels = width * height;
  const gray = planes.length === pixels;
  // The array's own conversion rounds, cuts off, and takes NaN for 0.
  const data = new Uint8ClampedArray(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[3 * i + channel] = 255 * planes[gray ? i : channel * pixels + i];
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** Images of one height beside each other, a white line between. */
export function besideEachOther(images: readonly Image[]): Image {
  const gap = 4;
  const [{ height }] = images;
  const width = images.reduce((sum, image) => sum + image.width + gap, -gap);
  const data = new Uint8Array(3 * width * height).fill(255);
  let left = 0;
  for (const image of images) {
    for (let row = 0; row < height; row++) {
      const start = 3 * row * image.width;
      data.set(image.data.subarray(start, start + 3 * image.width), 3 * (row * width + left));
    }
    left += image.width + gap;
  }
  return { width, height, data };
}

export async function encodePng({ width, height, data }: Image): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
