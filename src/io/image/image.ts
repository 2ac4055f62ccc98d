/** Images from files, as planes of numbers in [0, 1]. */

import type { Metadata } from 'sharp';
import { InputError } from '../../errors.js';
import { readBytes } from '../files.js';
import { loadSharp } from './sharp.js';

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

export interface PlaneOptions {
  /** The file's own by default. */
  readonly width?: number;
  readonly height?: number;
  /** Whether there is one plane, of luma (ITU-R BT.601), in the place of three. */
  readonly gray: boolean;
}

/**
 * Its pixels, upright, as planes, each (height, width), in [0, 1]; resized by Catmull and Rom's cubic filter. An alpha
 * channel is left out.
 *
 * @throws InputError a file that is damaged or cut short.
 */
export async function readPlanes(file: ImageFile, options: PlaneOptions): Promise<Float32Array> {
  const { width = file.width, height = file.height, gray } = options;
  const sharp = await loadSharp();
  const pipeline = sharp(file.bytes, { limitInputPixels: mostPixels, failOn: 'warning' }).autoOrient();
  try {
    const { data } = await pipeline
      .removeAlpha()
      .toColourspace('srgb')
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return planesOf(data, gray);
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new InputError(`image ${file.path}: is damaged or cut short (${reason}): give a whole file`);
  }
}

/** From 8-bit RGB, row by row. */
function planesOf(data: Uint8Array, gray: boolean): Float32Array {
  const pixels = data.length / 3;
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
