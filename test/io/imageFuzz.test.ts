/** Image files that were changed here and there: read as another decoder reads them, or refused in one line. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import sharp from 'sharp';
import { isInputError } from '../../src/errors.js';
import { openImage, readPlanes } from '../../src/io/image/image.js';
import { folder } from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { damaged, fuzzCount } from '../helpers/fuzz.js';
import { suite } from '../helpers/suite.js';
import { readPng, writePng } from '../reference/png.js';
import { writeTiff } from '../reference/tiff.js';

const test = suite('image fuzz');
const caseFile = (name: string) => readFileSync(fileURLToPath(new URL(`cases/${name}`, import.meta.url)));
const path = join(folder, 'fuzzed');

/** Planes, or undefined where the file is refused in one line; anything else is thrown on. */
async function readOrRefused(bytes: Uint8Array): Promise<Float32Array | undefined> {
  writeFileSync(path, bytes);
  try {
    return await readPlanes(await openImage(path), { gray: false });
  } catch (error) {
    if (isInputError(error) && !/[\n\r\u2028\u2029]/.test(error.message) && error.message.length < 600)
      return undefined;
    throw error;
  }
}

const mostSeconds = 20;
const mostSecondsInAll = 120 + fuzzCount / 20;

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs for ${mostSeconds} s`)), mostSeconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const ramp = (count: number, white: number) => Array.from({ length: count }, (_, i) => (i * 37) % (white + 1));
const size = { width: 7, height: 5 };
const palette = Uint8Array.from(ramp(48, 255));

test(
  'png: what is read of a changed file is what the reference decodes',
  async () => {
    const files = [
      caseFile('png-black-on-transparent.png'),
      caseFile('png-gray-16-bit.png'),
      writePng({ ...size, depth: 1, colour: 0, samples: ramp(35, 1) }),
      writePng({ ...size, depth: 16, colour: 6, samples: ramp(140, 65_535) }),
      writePng({
        ...size,
        depth: 4,
        colour: 3,
        samples: ramp(35, 15),
        chunks: { PLTE: palette, tRNS: Uint8Array.of(9, 200) },
      }),
      writePng({
        ...size,
        depth: 8,
        colour: 2,
        samples: ramp(105, 255),
        chunks: { tRNS: Uint8Array.of(0, 0, 0, 37, 0, 74) },
      }),
    ];
    let [read, refused] = [0, 0];
    const agrees = async (bytes: Uint8Array) => {
      const planes = await inTime(readOrRefused(bytes));
      if (!planes) {
        refused++;
        return;
      }
      read++;
      const { pixels } = readPng(bytes);
      const count = pixels.length / 4;
      const expected = Float64Array.from({ length: 3 * count }, (_, i) => {
        const at = 4 * (i % count);
        return pixels[at + Math.floor(i / count)] * pixels[at + 3] + 1 - pixels[at + 3];
      });
      requireClose('planes', planes, expected, { absolute: 1e-6 });
    };
    const numRuns = Math.ceil(fuzzCount / 2);
    await fc.assert(fc.asyncProperty(fc.constantFrom(...files).chain(damaged), agrees), { numRuns, seed: 4 });
    require(`${read} were read and ${refused} refused`, read > 0 && refused > 0);
  },
  mostSecondsInAll,
);

test(
  'jpeg, tiff, webp: a changed file is read whole, all its numbers finite, or refused',
  async () => {
    const pixels = { raw: { ...size, channels: 3 as const } };
    const picture = () => sharp(Uint8Array.from(ramp(105, 255)), pixels);
    const files = [
      caseFile('jpg-extraneous-bytes.jpg'),
      caseFile('jpg-no-end-marker.jpg'),
      await picture().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
      await picture().toColourspace('cmyk').jpeg().toBuffer(),
      await picture().webp({ lossless: true }).toBuffer(),
      await picture().tiff({ compression: 'lzw' }).toBuffer(),
      writeTiff({
        ...size,
        samples: Float32Array.from(ramp(140, 99), x => x / 99),
        photometric: 2,
        format: 3,
        extra: 2,
      }),
      writeTiff({ ...size, samples: Uint16Array.from(ramp(35, 65_535)), photometric: 1, format: 1 }),
    ];
    const whole = async (bytes: Uint8Array) => {
      const planes = await inTime(readOrRefused(bytes));
      if (!planes) return;
      const { width, height } = await openImage(path);
      requireEqual('numbers', planes.length, 3 * width * height);
      require('finite', planes.every(Number.isFinite));
    };
    const numRuns = Math.ceil(fuzzCount / 2);
    await fc.assert(fc.asyncProperty(fc.constantFrom(...files).chain(damaged), whole), { numRuns, seed: 5 });
  },
  mostSecondsInAll,
);
