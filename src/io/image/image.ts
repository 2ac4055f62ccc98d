/** Images from files, as planes of numbers in [0, 1], or of what a file of floats has. */

import type { Metadata, Sharp } from 'sharp';
import { InputError } from '../../errors.js';
import { readBytes } from '../files.js';
import { backgroundOf } from './background.js';
import { decode, type EncodedImage, mostPixels } from './decode.js';
import { planesOf, rangeOf, type Samples } from './planes.js';
import { type Sampling, samplingOf } from './sampling.js';
import { loadSharp } from './sharp.js';

/** An image file that was opened and found whole as far as its header goes; its pixels are not decoded yet. */
export interface ImageFile extends EncodedImage {
  /** Upright. */
  readonly width: number;
  readonly height: number;
  /** Pictures in the file, of which the first is read. */
  readonly pages: number;
  readonly hasAlpha: boolean;
  /** Whether a pixel has one number, beside its alpha. */
  readonly isGray: boolean;
}

const mostBytes = 512e6;
const formats = ['png', 'jpeg', 'webp', 'tiff', 'gif', 'avif'];
const remedy = 'give a PNG, JPEG, WebP, TIFF, GIF or AVIF file';

/** HEIF is a frame for several codecs, of which the library brings one. */
function formatOf({ format, compression }: Metadata): string {
  if (format !== 'heif') return String(format);
  return compression === 'av1' ? 'avif' : 'heic';
}

/**
 * Opens an image file: PNG, JPEG, WebP, TIFF, GIF or AVIF.
 *
 * @throws InputError a file that is missing, empty, no image, larger than 64 million pixels, or has numbers that are not
 *   read.
 */
export async function openImage(path: string): Promise<ImageFile> {
  const bytes = await readBytes('image', path, mostBytes);
  const metadata = await metadataOf(path, bytes);
  const { pages = 1, hasAlpha = false, hasProfile = false, channels, autoOrient } = metadata;
  const { width, height } = autoOrient;
  const format = formatOf(metadata);
  if (!formats.includes(format)) {
    throw new InputError(`image ${path}: is of the format ${format.toUpperCase()}, which is not read: ${remedy}`);
  }
  if (width * height > mostPixels) {
    throw new InputError(
      `image ${path}: has ${width} x ${height} pixels: use one of at most ${mostPixels / 1e6} million`,
    );
  }
  const isGray = channels - Number(hasAlpha) === 1;
  return { path, bytes, width, height, pages, hasAlpha, isGray, hasProfile, sampling: samplingOf(path, metadata) };
}

async function metadataOf(path: string, bytes: Uint8Array): Promise<Metadata> {
  const sharp = await loadSharp();
  try {
    // The size is checked by the caller, who has better words for it.
    return await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch {
    throw new InputError(`image ${path}: is no image that can be read: ${remedy}`);
  }
}

export interface PlaneOptions {
  /** The file's own by default. */
  readonly width?: number;
  readonly height?: number;
  /** Whether there is one plane, of luma (ITU-R BT.601), instead of three: 'as in the file' where that has one number a pixel. */
  readonly gray: boolean | 'as in the file';
  /** What lies behind a transparent image, a colour of CSS; white by default. */
  readonly background?: string;
  /** Is told, a line each, what of the file is not taken as it stands there. */
  readonly note?: (line: string) => void;
}

/**
 * Its pixels, upright, as planes, each (height, width); resized by Catmull and Rom's cubic filter, with an alpha channel
 * laid over the background. Whole numbers become [0, 1], of sRGB; floats are taken as they are.
 *
 * @throws InputError a file that is damaged or cut short, or a float that is none.
 */
export async function readPlanes(file: ImageFile, options: PlaneOptions): Promise<Float32Array> {
  const { width = file.width, height = file.height, background = 'white', note = () => {} } = options;
  const { colourspace, depth, profile, white } = file.sampling;
  const colour = await backgroundOf(background);
  const isGray = file.isGray && !(file.hasAlpha && colour.some(part => part !== colour[0]));
  const gray = options.gray === 'as in the file' ? isGray : options.gray;
  const pipeline = (decoder: Sharp) => {
    const sized = decoder.toColourspace(colourspace).resize(width, height, { fit: 'fill', kernel: 'cubic' });
    // By itself the library would bring 16 bits from their profile to Display P3, and leave them there.
    const profiled = file.hasProfile && profile === 'applied to 16 bits' ? sized.withIccProfile('srgb') : sized;
    return (file.hasAlpha ? profiled : profiled.removeAlpha()).raw({ depth }).toBuffer({ resolveWithObject: true });
  };
  const { data, info } = await decode(file, pipeline, note);
  if (file.pages > 1) note(`image ${file.path}: has ${file.pages} pictures: the first is taken`);
  const { channels } = info;
  const { planes, isLaidOver } = planesOf(samplesOf(data, depth), { channels, white, background: colour, gray });
  if (isLaidOver) note(`image ${file.path}: is transparent in parts: laid over ${background} (--background)`);
  if (depth !== 'float') return planes;
  const [least, greatest] = rangeOf(file.path, planes);
  if (least < 0 || greatest > 1) {
    note(`image ${file.path}: has numbers from ${least} to ${greatest}: a PNG shows those from 0 to 1`);
  }
  return planes;
}

function samplesOf(data: Uint8Array<ArrayBuffer>, depth: Sampling['depth']): Samples {
  if (depth === 'uchar') return data;
  const Kind = { ushort: Uint16Array, uint: Uint32Array, float: Float32Array }[depth];
  // The library's bytes need not be aligned.
  return new Kind(new Uint8Array(data).buffer);
}
