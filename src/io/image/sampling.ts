/** How the numbers of an image file are taken out of the library, so that none of what the file has is cut off. */

import type { Metadata } from 'sharp';
import { InputError } from '../../errors.js';

/** Bits of a channel in a PNG. */
export type PngBits = 8 | 16;

/** Under which a model file keeps them among the settings of its training. */
export const bitsSetting = 'bits';

/** Of a PNG that shows what a model was trained on; 8 where its file does not say. */
export function bitsOf(training: Readonly<Record<string, unknown>>): PngBits {
  return training[bitsSetting] === 16 ? 16 : 8;
}

export interface Sampling {
  /** Whose numbers for the file's own kind are the file's own. */
  readonly colourspace: 'srgb' | 'rgb16' | 'scrgb';
  readonly depth: 'uchar' | 'ushort' | 'uint' | 'float';
  /** The number that stands for white. */
  readonly white: number;
  /** Of a PNG that shows what was read. */
  readonly bits: PngBits;
  /** What becomes of a colour profile in the file. */
  readonly profile: 'applied' | 'applied to 16 bits' | 'left alone';
}

const bytes: Sampling = { colourspace: 'srgb', depth: 'uchar', white: 255, bits: 8, profile: 'applied' };
const words = { colourspace: 'rgb16', depth: 'ushort', white: 65_535, bits: 16 } as const;
const longWords = { colourspace: 'srgb', depth: 'uint', white: 2 ** 32 - 1, bits: 16, profile: 'left alone' } as const;
const floats = { depth: 'float', white: 1, bits: 16, profile: 'left alone' } as const;

/** By the library's names of the numbers' type and of what they mean; others with a meaning are made into bytes of sRGB. */
const samplings: Readonly<Record<string, Sampling>> = {
  'ushort rgb16': { ...words, profile: 'applied to 16 bits' },
  'ushort grey16': { ...words, profile: 'left alone' },
  'uint srgb': longWords,
  'uint b-w': longWords,
  'float scrgb': { ...floats, colourspace: 'scrgb' },
  'float b-w': { ...floats, colourspace: 'srgb' },
};

const signed = ['char', 'short', 'int'];
/** Those of which a file can have every depth: what is not in the table above then has no meaning. */
const plain = ['srgb', 'b-w', 'rgb16', 'grey16', 'scrgb', 'multiband'];

/** @throws InputError numbers that the library would cut off. */
export function samplingOf(path: string, { depth, space, hasAlpha, channels }: Metadata): Sampling {
  const found = samplings[`${depth} ${space}`];
  const fail = (what: string, remedy: string): never => {
    throw new InputError(`image ${path}: ${what}: ${remedy}`);
  };
  if (found === longWords && hasAlpha) fail('has alpha in 32-bit whole numbers', 'save it with 16 bits, or as floats');
  if (signed.includes(depth)) fail('has signed numbers', 'save it with unsigned ones, or as 32-bit floats');
  if (!found && depth !== 'uchar' && plain.includes(space)) {
    fail(
      `has numbers of a type that is not read (${depth} ${space})`,
      'save it with 8 or 16 bits, or as 32-bit floats',
    );
  }
  if (channels > 4 && space !== 'cmyk') fail(`has ${channels} channels`, 'give gray or colour, with alpha or without');
  return found ?? bytes;
}
