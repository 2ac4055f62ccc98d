/** Evaluating a model away from its own grid: against the float64 twin, whole and in tiles, and as files. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { crop, gridSize, type RegionOptions, regionOf, slice } from '../../src/cli/render/region.js';
import { blackPicture, encodePng, paint } from '../../src/io/image/picture.js';
import { npyHeader, writeNpy } from '../../src/io/npy.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { axisPoints, coordinatesOf, type Domain, descriptionOf } from '../../src/model/domain/domain.js';
import { type Axis, grid } from '../../src/model/domain/grid.js';
import { linspace, partOfLinspace } from '../../src/model/domain/linspace.js';
import { evaluate, evaluateTiles } from '../../src/model/evaluate.js';
import { defineModel, initialParameters, type Model, onDomain } from '../../src/model/model.js';
import { stretches, tileShape } from '../../src/model/tiles.js';
import { adam } from '../../src/optimiser/adam.js';
import { Trainer } from '../../src/train/trainer.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { cp as cpTwin } from '../reference/contraction/cp.js';
import { network as networkTwin } from '../reference/network/network.js';

const test = suite('rendering');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-render-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

const imageRank = 7;
const image = defineModel({
  domain: grid([24, 20]),
  contraction: cp({ rank: imageRank }),
  network: architecture({ width: 10, omega: 5 }),
  members: 3,
});
const [volumeRank, volumeScale] = [5, 0.5];
const volume = defineModel({
  domain: grid([9, 6, 7]),
  contraction: cp({ rank: volumeRank, scale: volumeScale }),
  network: architecture({ width: 6, omega: 3, frequencies: [0.5, 1.25] }),
  members: 2,
});

/** What the float64 twin needs of the model's contraction. */
interface CpNumbers {
  readonly rank: number;
  readonly scale: number;
}

/** A model's output from the float64 twins of its networks and of its contraction. */
function twin({ members, network }: Model, { rank, scale }: CpNumbers, parameters: Float32Array, domain: Domain) {
  const { width, depth, omegas, frequencies } = network;
  const shape = {
    inputs: Math.max(1, 2 * frequencies.length),
    width,
    outputs: rank,
    depth,
    name: 'sine' as const,
    omegas,
  };
  const count = parameters.length / members / domain.axes;
  const inputOf = (x: number) => {
    const turns = frequencies.map(b => 2 * Math.PI * b * x);
    return frequencies.length === 0 ? [x] : [...turns.map(Math.cos), ...turns.map(Math.sin)];
  };
  return Array.from({ length: members }, (_, member) => {
    const factors = domain.shape.map((__, axis) => {
      const at = (member * domain.axes + axis) * count;
      const own = Float64Array.from(parameters.slice(at, at + count));
      const points = [...coordinatesOf(domain, [axis])];
      return Float64Array.from(points.flatMap(x => [...networkTwin(own, inputOf(Math.fround(x)), shape)]));
    });
    return [...cpTwin(factors, domain.shape, rank, scale)];
  }).flat();
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

test('evaluate: grids of other sizes, crops and scattered coordinates match the float64 twin, in 2 and 3 axes', async () => {
  for (const [model, numbers, grids] of [
    [
      image,
      { rank: imageRank, scale: 1 },
      [
        [linspace(33), linspace(17)],
        [partOfLinspace(1000, 990, 1000), partOfLinspace(70, 3, 4)],
      ],
    ],
    [
      volume,
      { rank: volumeRank, scale: volumeScale },
      [
        [linspace(1), linspace(13), linspace(5)],
        [randoms(3), randoms(2), randoms(9)],
      ],
    ],
  ] as const) {
    const parameters = initialParameters(model, randomInteger(0, 1e6));
    for (const axes of grids) {
      const domain = grid(axes);
      const output = await evaluate(engine, model, parameters, domain);
      requireClose(descriptionOf(domain), output, twin(model, numbers, parameters, domain), {
        absolute: 2e-5,
        relative: 1e-5,
      });
    }
  }
});

test('evaluate: on the own grid, the default, it gives what the trainer renders, bit for bit', async () => {
  const trainer = await Trainer.create(engine, {
    model: image,
    target: randoms(1440),
    optimiser: adam({ learningRate: 1e-3 }),
    seed: 4,
  });
  await trainer.advance(5);
  const { parameters } = await trainer.state();
  requireClose('output', await evaluate(engine, image, parameters), await trainer.render(), {});
  trainer.dispose();
});

test('evaluate: however it is tiled, down to single points and one row or column, the bits are the same', async () => {
  for (const [model, shape] of [
    [image, [67, 45]],
    [volume, [19, 11, 14]],
  ] as const) {
    const parameters = initialParameters(model, randomInteger(0, 1e6));
    const domain = grid(shape);
    const whole = bitsOf(await evaluate(engine, model, parameters, domain));
    for (const mostNumbers of [30_000, 5000, randomInteger(300, 3000), 160]) {
      const tiled = bitsOf(await evaluate(engine, model, parameters, domain, { mostNumbers }));
      requireClose(`${shape} in tiles of ${mostNumbers}`, tiled, whole, {});
    }
  }
  const narrow = grid([partOfLinspace(67, 30, 33), partOfLinspace(45, 7, 9)]);
  const parameters = initialParameters(image, 1);
  const whole = await evaluate(engine, image, parameters, grid([67, 45]));
  const single = await evaluate(engine, image, parameters, narrow, { mostNumbers: 1 });
  const expected = [0, 1, 2].flatMap(c => [30, 31, 32].flatMap(i => [7, 8].map(j => whole[(c * 67 + i) * 45 + j])));
  requireClose('single points', bitsOf(single), bitsOf(Float32Array.from(expected)), {});
});

test('evaluate: what it takes on the device is given back, also when it is left half way', async () => {
  const before = engine.memory;
  const parameters = initialParameters(image, 0);
  await evaluate(engine, image, parameters, grid([30, 30]), { mostNumbers: 500 });
  let tiles = 0;
  for await (const { values } of evaluateTiles(engine, image, parameters, undefined, { mostNumbers: 500 })) {
    require('a tile within the bound', values.length <= 500);
    if (++tiles === 2) break;
  }
  requireEqual('buffers and bytes', [engine.memory.buffers, engine.memory.bytes], [before.buffers, before.bytes]);
});

test('evaluate: tiles of one shape after the other take one plan', async () => {
  const parameters = initialParameters(image, 0);
  const compile = engine.compile.bind(engine);
  let plans = 0;
  Object.defineProperty(engine, 'compile', {
    configurable: true,
    value: (builds: Parameters<typeof compile>[0]) => {
      plans++;
      return compile(builds);
    },
  });
  const shapes: string[] = [];
  try {
    const options = { mostNumbers: 3 * 40 * 9 };
    for await (const { shape } of evaluateTiles(engine, image, parameters, grid([100, 40]), options)) {
      shapes.push(shape.join('x'));
    }
  } finally {
    Reflect.deleteProperty(engine, 'compile');
  }
  const changes = shapes.filter((shape, i) => shape !== shapes[i - 1]).length;
  require(`tiles ${shapes}`, changes > 1 && changes < shapes.length / 2);
  requireEqual('plans', plans, changes);
});

test('evaluate: what does not fit the model is refused before anything is allocated', async () => {
  const before = engine.memory.bytes;
  const parameters = initialParameters(image, 0);
  const refused = (axes: readonly Axis[], message: RegExp, values = parameters, mostNumbers = 100) =>
    requireThrows(
      String(message),
      () => evaluate(engine, image, values, grid(axes), { mostNumbers }),
      'InputError',
      message,
    );
  await refused([[0]], /grid: axes: 1: use a whole number from 2 to 6/);
  await refused([[0], [0], [0]], /domain: has 3 axes, and the model has 2/);
  await refused([[0], []], /grid: points of axis 1: 0: use a whole number from 1/);
  await refused([[0, Number.NaN], [0]], /grid: axis 0, point 1: NaN: use a number that float32 holds/);
  await refused([[0], [0]], /takes \d+ numbers, got 3/, new Float32Array(3));
  await refused([2 ** 15, 2 ** 15], /3221225472 numbers are more than an array holds, 536870912: use evaluateTiles/);
  await refused([[0], [0]], /mostNumbers: 0: use a whole number from 1/, parameters, 0);
  requireEqual('bytes', engine.memory.bytes, before);
});

test('tiles keep every tensor within a binding and cover the whole once', () => {
  const device = (mostBindingBytes: number) => ({ mostBindingBytes });
  const wide = { ...image, domain: grid([1024, 1024]), contraction: cp({ rank: 4096 }) };
  requireEqual('bands', tileShape(onDomain(image, grid([8192, 8192])), 2 ** 24, device(2 ** 27)), [512, 8192]);
  requireEqual('a small binding', tileShape(onDomain(image, grid([8192, 8192])), 2 ** 24, device(2 ** 22)), [64, 4096]);
  requireEqual('all that fits', tileShape(onDomain(image, grid([800, 600])), 2 ** 24, device(2 ** 27)), [800, 600]);
  requireEqual('a wide layer', tileShape(wide, 2 ** 24, device(2 ** 24)), [64, 256]);
  for (let round = 0; round < 200; round++) {
    const whole = Array.from({ length: randomInteger(1, 4) }, () => randomInteger(1, 9));
    const tile = whole.map(points => randomInteger(1, points));
    const seen = new Uint8Array(2 * whole.reduce((product, n) => product * n, 1));
    const visit = (start: number[]) => {
      if (start.length < whole.length) {
        for (let at = 0; at < whole[start.length]; at += tile[start.length]) visit([...start, at]);
        return;
      }
      const shape = tile.map((points, axis) => Math.min(points, whole[axis] - start[axis]));
      let next = 0;
      for (const { from, to, length } of stretches({ start, shape }, whole, 2)) {
        requireEqual('in the order of its values', from, next);
        next += length;
        for (let i = 0; i < length; i++) seen[to + i]++;
      }
    };
    visit([]);
    require(`${whole} in tiles of ${tile}`, seen.every(times => times === 1));
  }
});

test('npy: the header is that of format 1.0, and pieces land where they belong', async () => {
  for (const [shape, tuple] of [
    [[], '()'],
    [[7], '(7,)'],
    [[2, 3], '(2, 3)'],
    [[1000000, 1000000, 1000000, 1000000, 1000000], '(1000000, 1000000, 1000000, 1000000, 1000000)'],
  ] as const) {
    const header = Buffer.from(npyHeader(shape));
    requireEqual('magic and version', header.subarray(0, 8).toString('latin1'), '\x93NUMPY\x01\x00');
    requireEqual('length', [header.length % 64, header.readUInt16LE(8)], [0, header.length - 10]);
    const text = header.subarray(10).toString('latin1');
    require(text, text.trimEnd() === `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }` &&
      text.endsWith('\n'));
  }
  const path = join(folder, 'pieces.npy');
  await writeNpy(path, [2, 3], async put => {
    await put(4, Float32Array.of(4, 5));
    await put(0, Float32Array.of(-1, 0, 1, 2, 3).subarray(1));
  });
  const numbers = new Float32Array(Uint8Array.from(readFileSync(path).subarray(npyHeader([2, 3]).length)).buffer);
  requireEqual('numbers', [...numbers], [0, 1, 2, 3, 4, 5]);
  await requireThrows(
    'failed',
    () => writeNpy(join(folder, 'broken.npy'), [2], () => Promise.reject(new Error('half way'))),
    'Error',
    /half way/,
  );
  requireEqual('nothing half-written', readdirSync(folder), ['pieces.npy']);
});

test('pictures: gray and colour painted in parts are what was painted; numbers are cut off, NaN is black', async () => {
  for (const channels of [1, 3] as const) {
    const picture = blackPicture(3, 2, channels);
    const planes = (values: number[]) =>
      Float32Array.from({ length: channels * values.length }, (_, i) => values[i % values.length]);
    paint(picture, planes([0.2, 2, -1, 0.6]), { left: 1, top: 0, width: 2, height: 2 });
    paint(picture, planes([Number.NaN, 1]), { left: 0, top: 0, width: 1, height: 2 });
    const png = await encodePng(picture);
    const { width, height, channels: stored } = await sharp(png).metadata();
    requireEqual('size', [width, height, stored], [3, 2, channels]);
    const data = await sharp(png)
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer();
    requireEqual(
      'pixels',
      [...data],
      [0, 51, 255, 255, 0, 153].flatMap(value => Array(channels).fill(value)),
    );
  }
});

test('regions: size, crop and slices of a model of two and of three axes', () => {
  const flat = (options: RegionOptions) => {
    const { domain, kept, shape } = regionOf(image, options);
    return [axisPoints(domain), kept, shape];
  };
  requireEqual('own grid', flat({}), [
    [24, 20],
    [0, 1],
    [24, 20],
  ]);
  requireEqual('N along the longer axis', flat({ size: gridSize('7') }), [
    [7, 6],
    [0, 1],
    [7, 6],
  ]);
  requireEqual('WxH', flat({ size: gridSize('7x5') }), [
    [5, 7],
    [0, 1],
    [5, 7],
  ]);
  requireEqual('axes', flat({ size: gridSize('7, 5') }), [
    [7, 5],
    [0, 1],
    [7, 5],
  ]);
  requireEqual('x before y', flat({ size: gridSize('7x5'), crop: crop('3,1,7,2') }), [
    [1, 4],
    [0, 1],
    [1, 4],
  ]);
  const cropped = regionOf(image, { size: gridSize('9x5'), crop: crop('3,1,7,2') }).domain;
  requireEqual(
    'coordinates',
    [0, 1].map(axis => [...coordinatesOf(cropped, [axis])]),
    [[-0.5], [-0.25, 0, 0.25, 0.5]],
  );
  const cut = regionOf(volume, { size: gridSize('9,11,13'), slice: slice('1=10'), crop: crop('2,1,13,3') });
  requireEqual('slice', [cut.kept, cut.shape, [...coordinatesOf(cut.domain, [1])]], [[0, 2], [2, 11], [1]]);
  requireEqual('starts, then ends', regionOf(volume, { crop: crop('1,2,3,9,3,7') }).shape, [8, 1, 4]);
  requireEqual('two slices', regionOf(volume, { slice: slice('0=2', slice('2=0')), crop: crop('1,3') }).shape, [2]);
});
