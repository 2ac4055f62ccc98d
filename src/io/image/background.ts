/** The colour behind an image that is transparent in parts. */

import { InputError } from '../../errors.js';
import { spelled } from '../../host/checks.js';
import { loadSharp } from './sharp.js';

/** Red, green and blue in [0, 1]. */
export type Colour = readonly [number, number, number];

/** @param text a colour as CSS writes it. @throws InputError another text, or a colour that is transparent itself. */
export async function backgroundOf(text: string): Promise<Colour> {
  const sharp = await loadSharp();
  const opaque = 255;
  let pixel: Uint8Array;
  try {
    pixel = await sharp({ create: { width: 1, height: 1, channels: 4, background: text } })
      .raw()
      .toBuffer();
  } catch {
    throw new InputError(
      `--background ${spelled(text)}: is no colour: give one such as white, '#204080' or 'rgb(32, 64, 128)'`,
    );
  }
  const [red, green, blue, alpha] = pixel;
  if (alpha === opaque) return [red / opaque, green / opaque, blue / opaque];
  throw new InputError(`--background ${spelled(text)}: is transparent itself: give a colour that is not`);
}
