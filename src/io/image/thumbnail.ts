/** Small pictures that a table of many images keeps, and the sheet on which they stand. */

import { blackPicture, type Picture } from './picture.js';
import { loadSharp } from './sharp.js';

/** Of the longer side. */
const mostSide = 96;
const mostSheetSide = 8192;
const gap = 4;

/** A picture of at most 96 pixels a side, as WebP. */
export async function thumbnailOf({ data, width, height, channels }: Picture): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace('srgb')
    .resize(mostSide, mostSide, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 90 })
    .toBuffer();
}

/**
 * Pictures in rows, each in the middle of a square; an empty one of gray where there is no picture.
 *
 * @param thumbnails of `thumbnailOf`, row by row.
 * @param longest side of all images of which they are: the squares are no larger.
 */
export async function contactSheet(thumbnails: readonly (Uint8Array | undefined)[], longest: number): Promise<Picture> {
  const sharp = await loadSharp();
  const columns = Math.ceil(Math.sqrt(thumbnails.length));
  const rows = Math.ceil(thumbnails.length / columns);
  const side = Math.max(1, Math.min(mostSide, longest, Math.floor(mostSheetSide / columns) - gap));
  const sheet = blackPicture(gap + columns * (side + gap), gap + rows * (side + gap), 3);
  sheet.data.fill(255);
  for (const [i, thumbnail] of thumbnails.entries()) {
    const left = gap + (i % columns) * (side + gap);
    const top = gap + Math.floor(i / columns) * (side + gap);
    const put = (row: number, column: number, pixels: Uint8Array) =>
      sheet.data.set(pixels, 3 * ((top + row) * sheet.width + left + column));
    if (!thumbnail) {
      for (let row = 0; row < side; row++) put(row, 0, new Uint8Array(3 * side).fill(128));
      continue;
    }
    const { data, info } = await sharp(thumbnail)
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const [inRow, inColumn] = [info.height, info.width].map(length => Math.floor((side - length) / 2));
    for (let row = 0; row < info.height; row++) {
      put(inRow + row, inColumn, data.subarray(3 * row * info.width, 3 * (row + 1) * info.width));
    }
  }
  return sheet;
}
