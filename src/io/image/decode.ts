/** Decoding, strict but for what every viewer forgives, of which a line tells. */

import type { Sharp } from 'sharp';
import { InputError } from '../../errors.js';
import type { Sampling } from './sampling.js';
import { loadSharp } from './sharp.js';

/** Larger images are refused before they are decoded. */
export const mostPixels = 64e6;

export interface EncodedImage {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly hasProfile: boolean;
  readonly sampling: Sampling;
}

/** How a file is decoded: at first as it is, and as strictly as the library can. */
interface Strictness {
  readonly bytes: Uint8Array;
  readonly failOn: 'warning' | 'error';
}

/** What a viewer forgives: how the library words it, what is told of it, and how it is decoded nevertheless. */
interface Flaw {
  readonly words: RegExp;
  told(reason: string): string;
  mended(strictness: Strictness): Strictness;
}

const endOfJpeg = [0xff, 0xd9];

const flaws: readonly Flaw[] = [
  {
    // With an end, a file whose data do not end before it is whole; one that was cut short fails again.
    words: /premature end of JPEG/,
    told: () => 'has no end marker',
    mended: given => ({ ...given, bytes: withEnd(given.bytes, endOfJpeg) }),
  },
  {
    words: /extraneous bytes|unknown JFIF revision|Invalid SOS parameters|Unknown Adobe color transform/,
    told: reason => `is not quite a JPEG file (${reason})`,
    mended: given => ({ ...given, failOn: 'error' }),
  },
];

function withEnd(bytes: Uint8Array, end: readonly number[]): Uint8Array {
  const longer = new Uint8Array(bytes.length + end.length);
  longer.set(bytes);
  longer.set(end, bytes.length);
  return longer;
}

/**
 * Runs a pipeline on a file, again where it has a flaw that a viewer forgives.
 *
 * @param pipeline from a decoder of the file, upright, to what is wanted of it.
 * @param note is told each flaw.
 * @throws InputError a file that is damaged or cut short.
 */
export async function decode<T>(
  file: EncodedImage,
  pipeline: (decoder: Sharp) => Promise<T>,
  note: (line: string) => void,
): Promise<T> {
  const sharp = await loadSharp();
  const forgiven = new Set<Flaw>();
  // Where the library would apply a profile to 16 bits it goes by way of another colour space: see `readPlanes`.
  const ignoreIcc = file.sampling.profile !== 'applied';
  for (let how: Strictness = { bytes: file.bytes, failOn: 'warning' }; ; ) {
    const { bytes, failOn } = how;
    try {
      const decoder = sharp(bytes, { limitInputPixels: mostPixels, failOn, ignoreIcc }).autoOrient();
      return await pipeline(decoder);
    } catch (error) {
      const lines = (error as Error).message.split('\n');
      const flaw = flaws.find(one => !forgiven.has(one) && lines.some(line => one.words.test(line)));
      const reason = (flaw ? lines.find(line => flaw.words.test(line)) : lines.at(-1)) ?? '';
      const words = reason.replace(/^\w+: /, '');
      if (!flaw) throw new InputError(`image ${file.path}: is damaged or cut short (${words}): give a whole file`);
      forgiven.add(flaw);
      note(`image ${file.path}: ${flaw.told(words)}: read all the same`);
      how = flaw.mended(how);
    }
  }
}
