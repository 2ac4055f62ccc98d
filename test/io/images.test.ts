/** Images of every depth, with alpha, with flaws that viewers forgive: their planes against a reader of our own. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { sizeFor } from '../../src/experiments/image/size.js';
import { openImage, type PlaneOptions, readPlanes } from '../../src/io/image/image.js';
import { encodePng, pictureOf } from '../../src/io/image/picture.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { adapter, folder, requireRefused, sepnn } from '../helpers/command.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { type PngParts, type ReferencePng, readPng, writePng } from '../reference/png.js';
import { type TiffParts, writeTiff } from '../reference/tiff.js';

const test = suite('images');
const caseFile = (name: string) => fileURLToPath(new URL(`cases/${name}`, import.meta.url));

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A file's planes with the lines that are told of it. */
async function read(path: string, options: Partial<PlaneOptions> = {}) {
  const notes: string[] = [];
  const image = await openImage(path);
  const planes = await readPlanes(image, { gray: false, ...options, note: line => notes.push(line) });
  return { image, planes, notes };
}

/** Planes of a picture over a background, in float64. */
function laidOver({ pixels }: ReferencePng, background: readonly number[]): Float64Array {
  const count = pixels.length / 4;
  return Float64Array.from({ length: 3 * count }, (_, i) => {
    const [plane, pixel] = [Math.floor(i / count), i % count];
    const alpha = pixels[4 * pixel + 3];
    return pixels[4 * pixel + plane] * alpha + background[plane] * (1 - alpha);
  });
}

const every = (count: number, most: number) => Array.from({ length: count }, () => randomInteger(0, most));

test('png: every colour type and depth, with alpha or a colour that is clear, is laid over white or another colour', async () => {
  const [width, height] = [13, 7];
  const count = width * height;
  const palette = Uint8Array.from(every(48, 255));
  const kinds: [string, Omit<PngParts, 'width' | 'height'>][] = [
    ['gray 1', { colour: 0, depth: 1, samples: every(count, 1) }],
    ['gray 2', { colour: 0, depth: 2, samples: every(count, 3) }],
    ['gray 4', { colour: 0, depth: 4, samples: every(count, 15) }],
    ['gray 8', { colour: 0, depth: 8, samples: every(count, 255) }],
    ['gray 16', { colour: 0, depth: 16, samples: every(count, 65_535) }],
    ['gray 8, one clear', { colour: 0, depth: 8, samples: every(count, 3), chunks: { tRNS: Uint8Array.of(0, 2) } }],
    ['gray 16, one clear', { colour: 0, depth: 16, samples: every(count, 3), chunks: { tRNS: Uint8Array.of(0, 2) } }],
    ['colour 8', { colour: 2, depth: 8, samples: every(3 * count, 255) }],
    ['colour 16', { colour: 2, depth: 16, samples: every(3 * count, 65_535) }],
    [
      'colour 16, one clear',
      { colour: 2, depth: 16, samples: every(3 * count, 1), chunks: { tRNS: Uint8Array.of(0, 1, 0, 0, 0, 1) } },
    ],
    ['palette 4', { colour: 3, depth: 4, samples: every(count, 15), chunks: { PLTE: palette } }],
    [
      'palette 4, partly clear',
      {
        colour: 3,
        depth: 4,
        samples: every(count, 15),
        chunks: { PLTE: palette, tRNS: Uint8Array.of(0, 100, 255, 7) },
      },
    ],
    ['gray and alpha 8', { colour: 4, depth: 8, samples: every(2 * count, 255) }],
    ['gray and alpha 16', { colour: 4, depth: 16, samples: every(2 * count, 65_535) }],
    ['colour and alpha 8', { colour: 6, depth: 8, samples: every(4 * count, 255) }],
    ['colour and alpha 16', { colour: 6, depth: 16, samples: every(4 * count, 65_535) }],
  ];
  for (const [name, parts] of kinds) {
    const bytes = writePng({ width, height, ...parts });
    const path = fileOf('kind.png', bytes);
    const reference = readPng(bytes);
    const isClear = reference.pixels.some((value, i) => i % 4 === 3 && value < 1);
    for (const [background, colour] of [
      ['white', [1, 1, 1]],
      ['#204080', [0x20 / 255, 0x40 / 255, 0x80 / 255]],
    ] as const) {
      const { image, planes, notes } = await read(path, { background });
      requireClose(`${name} over ${background}`, planes, laidOver(reference, colour), { absolute: 1e-7 });
      const told = isClear ? [`image ${path}: is transparent in parts: laid over ${background} (--background)`] : [];
      requireEqual(`${name}: told`, notes, told);
      requireEqual(`${name}: bits of a PNG`, image.sampling.bits, parts.depth === 16 ? 16 : 8);
    }
    const gray = await read(path, { gray: true });
    const expected = laidOver(reference, [1, 1, 1]);
    const luma = Float64Array.from(
      { length: count },
      (_, i) => 0.299 * expected[i] + 0.587 * expected[count + i] + 0.114 * expected[2 * count + i],
    );
    requireClose(`${name}: gray`, gray.planes, luma, { absolute: 1e-7 });
  }
});

test('alpha: black on transparent is black on white; resized it is what is laid over first and then resized', async () => {
  const path = caseFile('png-black-on-transparent.png');
  const reference = readPng(readFileSync(path));
  const { planes, notes } = await read(path);
  requireClose('planes', planes, laidOver(reference, [1, 1, 1]), { absolute: 1e-7 });
  require('it is not black all over', planes.some(value => value === 1) && planes.some(value => value === 0));
  requireEqual('one line', notes.length, 1);
  const flat = await sharp(path).flatten({ background: 'white' }).png().toBuffer();
  const first = await read(fileOf('flat.png', flat), { width: 12, height: 8 });
  const last = await read(path, { width: 12, height: 8 });
  requireClose('resized', last.planes, first.planes, { absolute: 3 / 255 });
  for (const [background, message] of [
    ['nocolour', /^--background nocolour: is no colour: give one such as white/],
    ['', /^--background : is no colour/],
    ['#ffffff80', /^--background #ffffff80: is transparent itself: give a colour that is not$/],
  ] as const) {
    await requireThrows(background, () => read(path, { background }), 'InputError', message);
  }
});

test('tiff: floats and 32-bit whole numbers are kept, an alpha that was multiplied in is taken out; what would be cut is refused', async () => {
  const [width, height] = [5, 4];
  const count = width * height;
  const floats = Float32Array.from({ length: 3 * count }, (_, i) => Math.sin(i) / 1.3 + 0.2);
  const plane = (values: ArrayLike<number>, channels: number, white = 1) =>
    Float64Array.from(
      { length: 3 * count },
      (_, i) => values[channels * (i % count) + (channels > 2 ? Math.floor(i / count) : 0)] / white,
    );
  const tiff = (parts: Omit<TiffParts, 'width' | 'height'>) =>
    fileOf('kind.tif', writeTiff({ width, height, ...parts }));
  const colour = await read(tiff({ samples: floats, photometric: 2, format: 3 }));
  requireEqual('colour: bits', [...colour.planes], [...plane(floats, 3)]);
  require(`${colour.notes}`, /^image .*: has numbers from -0\.\d+ to 0\.\d+: a PNG shows those from 0 to 1$/.test(
    colour.notes.join('|'),
  ));
  const gray = await read(tiff({ samples: floats.subarray(0, count), photometric: 1, format: 3 }));
  requireEqual('gray: bits', [...gray.planes], [...plane(floats, 1)]);
  const alphas = Float32Array.from({ length: 4 * count }, (_, i) => (i % 7) / 6);
  for (const extra of [1, 2] as const) {
    const { planes } = await read(tiff({ samples: alphas, photometric: 2, format: 3, extra }));
    const expected = plane(alphas, 4).map((value, i) => {
      const alpha = alphas[4 * (i % count) + 3];
      return (extra === 1 ? (alpha > 0 ? value : 0) : value * alpha) + 1 - alpha;
    });
    requireClose(`alpha of kind ${extra}`, planes, expected, { absolute: 1e-6 });
  }
  const words = Uint32Array.from({ length: count }, (_, i) => (i * 2_654_435_761) % 2 ** 32);
  const whole = await read(tiff({ samples: words, photometric: 1, format: 1 }));
  requireClose('32-bit whole numbers', whole.planes, plane(words, 1, 2 ** 32 - 1), { absolute: 1e-7 });
  requireEqual(
    'bits of a PNG',
    [colour, gray, whole].map(({ image }) => image.sampling.bits),
    [16, 16, 16],
  );
  floats[7] = Number.NaN;
  const refused: [string, RegExp][] = [
    [
      tiff({ samples: floats, photometric: 2, format: 3 }),
      /kind\.tif: holds NaN: give an image whose numbers are finite$/,
    ],
  ];
  await requireThrows('NaN', () => read(refused[0][0]), 'InputError', refused[0][1]);
  for (const [parts, message] of [
    [
      { samples: Int16Array.from(every(count, 99)), photometric: 1, format: 2 },
      /has signed numbers: save it with unsigned/,
    ],
    [
      { samples: Uint16Array.from(every(count, 99)), photometric: 1, format: 3 },
      /of a type that is not read \(float grey16\)/,
    ],
    [{ samples: new Uint32Array(4 * count), photometric: 2, format: 1, extra: 2 }, /has alpha in 32-bit whole numbers/],
    [{ samples: new Uint8Array(5 * count), photometric: 2, format: 1 }, /has 5 channels: give gray or colour/],
  ] as [Omit<TiffParts, 'width' | 'height'>, RegExp][]) {
    await requireThrows(`${message}`, () => read(tiff(parts)), 'InputError', message);
  }
});

test('jpeg: extra bytes and a missing end are read and told; what was cut short or damaged is refused', async () => {
  const { data, info } = await sharp(caseFile('jpg-extraneous-bytes.jpg'), { failOn: 'none' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const count = info.width * info.height;
  const shown = Float64Array.from({ length: 3 * count }, (_, i) => data[3 * (i % count) + Math.floor(i / count)] / 255);
  for (const [name, message] of [
    [
      'jpg-extraneous-bytes.jpg',
      /: is not quite a JPEG file \(Corrupt JPEG data: 4 extraneous bytes before marker 0xda\): read all the same$/,
    ],
    ['jpg-no-end-marker.jpg', /: has no end marker: read all the same$/],
  ] as const) {
    const { planes, notes } = await read(caseFile(name));
    requireClose(name, planes, shown, { absolute: 1e-7 });
    require(`${name}: ${notes}`, notes.length === 1 && message.test(notes[0]));
  }
  const both = readFileSync(caseFile('jpg-extraneous-bytes.jpg')).subarray(0, -2);
  requireEqual('both flaws', (await read(fileOf('both.jpg', both))).notes.length, 2);
  const good = readFileSync(caseFile('jpg-no-end-marker.jpg'));
  const scan = good.indexOf(Uint8Array.of(0xff, 0xda));
  for (const length of [good.length - 5, Math.floor((scan + good.length) / 2), scan + 6]) {
    const path = fileOf('cut.jpg', good.subarray(0, length));
    await requireThrows(
      `${length} bytes`,
      () => read(path),
      'InputError',
      /cut\.jpg: is (damaged or cut short|no image)/,
    );
  }
  const after = await read(
    fileOf('after.jpg', Buffer.concat([good, Uint8Array.of(0xff, 0xd9), Buffer.from('appended')])),
  );
  requireEqual('bytes after the end', after.notes, []);
});

test('jpeg: CMYK, gray, upright by EXIF, and by its colour profile; a profile that is damaged is left out', async () => {
  const colours = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255);
  const blocks = Uint8Array.from(
    { length: 3 * 32 * 16 },
    (_, i) => colours[3 * Math.floor((Math.floor(i / 3) % 32) / 8) + (i % 3)],
  );
  const source = () => sharp(blocks, { raw: { width: 32, height: 16, channels: 3 } });
  const jpeg = { quality: 100, chromaSubsampling: '4:4:4' };
  const middles = (planes: Float32Array, size: number) =>
    [4, 12, 20, 28].map(x => [0, 1, 2].map(c => planes[c * size + 8 * 32 + x]));
  const cmyk = await read(fileOf('cmyk.jpg', await source().toColourspace('cmyk').jpeg(jpeg).toBuffer()));
  const [white, ...inks] = middles(cmyk.planes, 512).reverse();
  // The inks of a press are not those of a screen: each block keeps the colour that it has most of.
  requireEqual(
    'CMYK',
    inks.reverse().map(ink => ink.indexOf(Math.max(...ink))),
    [0, 1, 2],
  );
  requireClose('CMYK: white', white, [1, 1, 1], { absolute: 0.02 });
  const gray = await read(fileOf('gray.jpg', await source().toColourspace('b-w').jpeg(jpeg).toBuffer()));
  requireEqual('gray: all planes alike', [...gray.planes.subarray(0, 512)], [...gray.planes.subarray(1024)]);
  const turned = await source()
    .withExif({ IFD0: { Orientation: '6' } })
    .png()
    .toBuffer();
  for (const [name, bytes] of [
    ['turned.jpg', await sharp(turned).withMetadata({ orientation: 6 }).jpeg(jpeg).toBuffer()],
    ['turned.png', await sharp(turned).toColourspace('rgb16').withMetadata({ orientation: 6 }).png().toBuffer()],
  ] as const) {
    const upright = await read(fileOf(name, bytes));
    requireEqual(`${name}: upright`, [upright.image.width, upright.image.height], [16, 32]);
    const down = [4, 12, 20, 28].map(y => [0, 1, 2].map(c => Math.round(upright.planes[c * 512 + y * 16 + 8])));
    requireEqual(`${name}: colours from the top`, down, [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 1, 1],
    ]);
  }
  const samples = Uint16Array.from({ length: 3 * 32 * 16 }, (_, i) => (i * 12_347) % 65_536);
  const wide = (profile: string) =>
    sharp(samples, { raw: { width: 32, height: 16, channels: 3 } })
      .toColourspace('rgb16')
      .withIccProfile(profile)
      .png()
      .toBuffer();
  const own = await wide('srgb');
  const reference = laidOver(readPng(own), [1, 1, 1]);
  requireClose('16 bits of sRGB are the own', (await read(fileOf('srgb.png', own))).planes, reference, {
    absolute: 1e-4,
  });
  // Display P3 holds what sRGB has at other numbers: red is (0.917, 0.2, 0.139).
  const redPixels = sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } });
  for (const bits of [8, 16]) {
    const p3 = await redPixels
      .clone()
      .toColourspace(bits === 16 ? 'rgb16' : 'srgb')
      .withIccProfile('p3')
      .png()
      .toBuffer();
    require('stored otherwise', readPng(p3).pixels[1] > 0.1);
    const { planes } = await read(fileOf('p3.png', p3));
    requireClose(`Display P3 of ${bits} bits`, [planes[0], planes[16], planes[32]], [1, 0, 0], { absolute: 0.03 });
  }
  const broken = Buffer.concat([Buffer.from('x\0\0', 'latin1'), deflateSync(Buffer.alloc(200, 7))]);
  const parts = { width: 3, height: 2, depth: 8, colour: 2, samples: every(18, 255) } as const;
  const flawed = await read(fileOf('profile.png', writePng({ ...parts, chunks: { iCCP: broken } })));
  requireClose('without its profile', flawed.planes, laidOver(readPng(writePng(parts)), [1, 1, 1]), { absolute: 1e-7 });
});

test('webp: the first picture of several is taken, with its alpha, and told', async () => {
  const frame = (background: string) =>
    sharp({ create: { width: 6, height: 5, channels: 4, background } })
      .png()
      .toBuffer();
  const frames = [await frame('rgba(255, 0, 0, 0.5)'), await frame('blue')];
  const path = fileOf(
    'moving.webp',
    await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer(),
  );
  const { planes, notes } = await read(path);
  requireClose('pixel', [planes[0], planes[30], planes[60]], [1, 127 / 255, 127 / 255], { absolute: 1.1 / 255 });
  requireEqual('told', notes.length, 2);
  require(`${notes}`, /has 2 pictures: the first is taken$/.test(notes[0]) && /is transparent in parts/.test(notes[1]));
});

test('pictures of 16 bits hold every number; sizes follow the longer side', async () => {
  const values = Float64Array.from({ length: 3 * 40 }, (_, i) => (i * 549.7) / 65_535);
  const png = readPng(await encodePng(pictureOf(values, 8, 5, 16)));
  requireEqual('depth', png.depth, 16);
  requireClose('numbers', laidOver(png, [0, 0, 0]), values, { absolute: 0.5001 / 65_535 });
  const edges = readPng(await encodePng(pictureOf([-1, 2, Number.NaN, 0.5], 2, 2, 16)));
  requireEqual(
    'edges',
    [0, 4, 8, 12].map(i => Math.round(edges.pixels[i] * 65_535)),
    [0, 65_535, 0, 32_768],
  );
  const sized = (image: [number, number], option: { longer: number } | { width: number; height: number }) => {
    const notes: string[] = [];
    const { width, height } = sizeFor('x', { width: image[0], height: image[1] }, option, note => notes.push(note));
    return [width, height, notes.length];
  };
  requireEqual('landscape', sized([640, 480], { longer: 128 }), [128, 96, 0]);
  requireEqual('portrait', sized([480, 640], { longer: 128 }), [96, 128, 0]);
  requireEqual('larger', sized([3, 2], { longer: 9 }), [9, 6, 0]);
  requireEqual('a line of pixels', sized([4000, 2], { longer: 16 }), [16, 2, 0]);
  requireEqual('its own ratio', sized([640, 480], { width: 33, height: 25 }), [33, 25, 0]);
  requireEqual('another', sized([640, 480], { width: 33, height: 33 }), [33, 33, 1]);
  requireEqual('a little other', sized([640, 480], { width: 320, height: 236 }), [320, 236, 1]);
});

test('fit and render: 16 bits in are 16 bits out, N is the longer side, another ratio and what lies behind are told', async () => {
  const few = [
    '--rank',
    '4',
    '--width',
    '8',
    '--steps',
    '4',
    '--report-every',
    '2',
    '--top-k',
    '2',
    '--json',
    ...adapter,
  ];
  const gray = caseFile('png-gray-16-bit.png');
  const fitted = await sepnn('fit', gray, ...few, '--size', '12', '--out', 'deep');
  const { shape, channels } = JSON.parse(fitted.stdout);
  requireEqual('fit', [fitted.code, fitted.stderr, shape, channels], [0, '', [8, 12], 1]);
  requireEqual('reconstruction', readPng(readFileSync(join(folder, 'deep/reconstruction.png'))).depth, 16);
  const file = join(folder, 'deep/model.safetensors');
  requireEqual('bits', (await readModel(file)).training.bits, 16);
  const rendered = await sepnn('render', file, '--size', '30', '--out', 'deep.png', '--json', ...adapter);
  const picture = readPng(readFileSync(join(folder, 'deep.png')));
  requireEqual(
    'render',
    [rendered.code, rendered.stderr, picture.depth, picture.width, picture.height],
    [0, '', 16, 30, 20],
  );
  const squeezed = await sepnn('render', file, '--size', '30x30', '--out', 'deep.png', '--json', ...adapter);
  const line = "sepnn: --size 30x30: the model's own grid is 12 x 8: its aspect changes (--size N keeps it)\n";
  requireEqual('render in another ratio', [squeezed.code, squeezed.stderr], [0, line]);
  const logo = caseFile('png-black-on-transparent.png');
  const over = await sepnn('fit', logo, ...few, '--size', '8x8', '--background', 'navy', '--out', 'logo');
  requireEqual('exit', over.code, 0);
  require(over.stderr, /^sepnn: --size 8x8: .* is 24 x 16: its aspect changes .*\nsepnn: image .*: is transparent in parts: laid over navy \(--background\)\n$/.test(
    over.stderr,
  ));
  const shallow = readPng(readFileSync(join(folder, 'logo/reconstruction.png')));
  requireEqual('8 bits in, 8 bits out', shallow.depth, 8);
  requireClose('the corner is navy', shallow.pixels.subarray(0, 3), [0, 0, 128 / 255], { absolute: 0.02 });
  await requireRefused([[[logo, '--background', 'glass'], /--background glass: is no colour/]], args =>
    sepnn('fit', ...args),
  );
});

test('gif and avif: the first picture is read, its clear pixels laid over; svg is refused by its name', async () => {
  const [width, height] = [13, 7];
  const raw = { raw: { width, height, channels: 3 as const } };
  const levels = every(3 * width * height, 4).map(level => 60 * level);
  const pixels = Uint8Array.from(levels);
  const expected = Float64Array.from(pixels, (_, i) => {
    const [plane, pixel] = [Math.floor(i / (width * height)), i % (width * height)];
    return pixels[3 * pixel + plane] / 255;
  });
  const png = (data: Uint8Array) => sharp(data, raw).png().toBuffer();
  const frames = [await png(pixels), await png(pixels.map(value => 255 - value))];
  const moving = fileOf(
    'moving.gif',
    await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer(),
  );
  const first = await read(moving);
  requireClose('gif', first.planes, expected, { absolute: 1e-7 });
  requireEqual('told', first.notes, [`image ${moving}: has 2 pictures: the first is taken`]);
  const clear = { create: { width, height, channels: 4 as const, background: { r: 0, g: 0, b: 0, alpha: 0 } } };
  const white = await read(fileOf('clear.gif', await sharp(clear).gif().toBuffer()));
  requireClose('clear', white.planes, new Float64Array(3 * width * height).fill(1), {});
  const avif = await sharp(pixels, raw).avif({ lossless: true, effort: 0 }).toBuffer();
  requireClose('avif', (await read(fileOf('still.avif', avif))).planes, expected, { absolute: 1e-7 });
  for (const [name, bytes, message] of [
    ['cut.gif', (await sharp(pixels, raw).gif().toBuffer()).subarray(0, 40), /is damaged or cut short|is no image/],
    ['cut.avif', avif.subarray(0, avif.length - 40), /is damaged or cut short/],
    [
      'drawn.svg',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'),
      /the format SVG, which/,
    ],
  ] as const) {
    await requireThrows(name, () => read(fileOf(name, bytes)), 'InputError', message);
  }
});

test('a file of one number a pixel gives one plane where its own are asked for, unless colour lies behind it', async () => {
  const [width, height] = [3, 2];
  const gray = { width, height, colour: 0, depth: 16, samples: every(6, 65_535) } as const;
  const withAlpha = { width, height, colour: 4, depth: 8, samples: every(12, 254) } as const;
  const colour = { width, height, colour: 2, depth: 8, samples: every(18, 255) } as const;
  const planesOf = async (parts: PngParts, background = 'white') => {
    const options = { gray: 'as in the file', background } as const;
    return (await read(fileOf('own.png', writePng(parts)), options)).planes.length / (width * height);
  };
  requireEqual('gray', await planesOf(gray), 1);
  requireEqual('gray over white', await planesOf(withAlpha), 1);
  requireEqual('gray over red', await planesOf(withAlpha, 'red'), 3);
  requireEqual('colour', await planesOf(colour), 3);
  const { planes } = await read(fileOf('own.png', writePng(gray)), { gray: 'as in the file' });
  requireClose(
    'its numbers',
    planes,
    Float64Array.from(gray.samples, value => value / 65_535),
    { absolute: 1e-7 },
  );
});
