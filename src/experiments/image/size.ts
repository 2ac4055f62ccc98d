/** To which size an image is brought. */

import { followLongest, keepsAspect } from '../../host/aspect.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** As it stands there, or by the longer side alone: the other then follows. */
export type SizeOption = Size | { readonly longer: number };

/** @param note is told where width and height are not in the image's own ratio. */
export function sizeFor(path: string, image: Size, option: SizeOption | undefined, note: (line: string) => void): Size {
  if (!option) return image;
  const own = [image.width, image.height];
  if ('longer' in option) {
    // An image has 2 x 2 pixels at least.
    const [width, height] = followLongest(own, option.longer).map(side => Math.max(2, side));
    return { width, height };
  }
  const { width, height } = option;
  if (!keepsAspect(own, [width, height])) {
    note(
      `--size ${width}x${height}: ${path} is ${image.width} x ${image.height}: its aspect changes (--size N keeps it)`,
    );
  }
  return option;
}
