/** Which schedule a product gets, on devices of every kind. */

import { withImports } from '../../scripts/kernels.js';
import { sizeOf } from '../../src/buffer/layout.js';
import { Storage } from '../../src/buffer/memory.js';
import type { Device } from '../../src/device/device.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { productOfParts } from '../../src/ops/linear/product.js';
import { chooseCut, longSums } from '../../src/schedule/cut.js';
import { productWorkgroups } from '../../src/schedule/product.js';
import { candidates, choose, cpuSchedule, gpuTiles } from '../../src/schedule/table.js';
import * as linear from '../../src/wgsl/linear.js';
import { require, requireEqual } from '../helpers/compare.js';
import { randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('schedules');

const kinds: Readonly<Record<string, { cpu: boolean; subgroupSize?: number }>> = {
  'a GPU': { cpu: false, subgroupSize: 32 },
  'a GPU whose subgroups are of several sizes': { cpu: false },
  SwiftShader: { cpu: true, subgroupSize: 4 },
  lavapipe: { cpu: true, subgroupSize: 8 },
  'a CPU adapter without subgroups': { cpu: true },
  'a CPU adapter with subgroups of 16': { cpu: true, subgroupSize: 16 },
  'a CPU adapter with subgroups of 32': { cpu: true, subgroupSize: 32 },
};

function deviceOf(kind: string): Device {
  return { ...kinds[kind], tuning: new Map<string, string>() } as unknown as Device;
}

function chosen(kind: string, rows: number, columns: number, inner: number): string {
  return choose(deviceOf(kind), 'key', { problems: [{ rows, columns, inner }] }).id;
}

for (const kind of Object.keys(kinds)) {
  test(`${kind}: every shape gets a schedule within the default limits, with subgroups only where they fit`, () => {
    for (let i = 0; i < 300; i++) {
      const [rows, columns, inner] = [0, 1, 2].map(() => randomInteger(1, 2 ** randomInteger(0, 11)));
      const products = { problems: [{ rows, columns, inner }] };
      const { text, constants, invocations } = choose(deviceOf(kind), 'key', products);
      require(`${rows} x ${columns}: ${invocations} invocations`, invocations <= 256);
      const { name } = text;
      const lanes = name === 'quad' ? 4 : name === 'subgroup' ? constants.SUBGROUP : undefined;
      if (lanes !== undefined)
        requireEqual(`lanes of ${name}`, [lanes, invocations], Array(2).fill(kinds[kind].subgroupSize));
      require('a GPU with a schedule of a CPU', kinds[kind].cpu || lanes === undefined);
    }
  });
}

test('shapes that leave a wide tile idle get a narrow one, and small products the one that compiles fast', () => {
  requireEqual('two columns', chosen('SwiftShader', 150, 2, 128), 'register 4x1 1x1');
  requireEqual('three rows', chosen('lavapipe', 3, 200, 128), 'register 1x4 1x1');
  requireEqual('ten rows', chosen('SwiftShader', 10, 512, 512), 'quad 1x1');
  requireEqual('large', chosen('SwiftShader', 256, 256, 256), 'quad 2x2');
  requireEqual('larger', chosen('SwiftShader', 400, 400, 400), 'quad 2x4');
  requireEqual('largest', chosen('SwiftShader', 512, 512, 512), 'quad 2x4 by 2');
  requireEqual('small', chosen('SwiftShader', 40, 40, 40), 'quad 1x1');
  requireEqual('square', chosen('lavapipe', 512, 512, 512), 'subgroup 8 8x1');
  requireEqual('ten shared rows', chosen('lavapipe', 10, 512, 512), 'subgroup 8 3x1');
  requireEqual('ten shared columns', chosen('lavapipe', 512, 10, 512), 'subgroup 8 3x1 mirrored');
  requireEqual('16 lanes', chosen('a CPU adapter with subgroups of 16', 512, 512, 512), 'subgroup 16 8x1');
  requireEqual('tiles of one height', chosen('lavapipe', 70, 512, 512), 'subgroup 8 6x1');
  requireEqual('narrow on a GPU', chosen('a GPU', 512, 10, 512), 'workgroup 16');
  requireEqual('wide on a GPU', chosen('a GPU', 4096, 4096, 4096), 'workgroup 128');
  requireEqual('less wide', chosen('a GPU', 1024, 1024, 1024), 'workgroup 64');
  requireEqual('still less', chosen('a GPU', 512, 512, 512), 'workgroup 32');
  requireEqual('too few tiles for a GPU', chosen('a GPU', 128, 150, 150), 'workgroup 16');
});

test('a number an invocation, such as a partial loss, takes twice the results and what folding adds, or 1 MiB, at most; by a schedule of processors no more than them', () => {
  const limits = { maxComputeWorkgroupsPerDimension: 65_535 };
  for (const kind of Object.keys(kinds)) {
    const device = { ...deviceOf(kind), limits } as unknown as Device;
    for (let i = 0; i < 2000; i++) {
      const rows = randomInteger(1, 2 ** randomInteger(0, 23));
      const columns = 4 * randomInteger(1, 2 ** randomInteger(0, Math.floor(23 - Math.log2(rows))));
      const members = randomInteger(1, 2 ** randomInteger(0, 8));
      const problems = Array.from({ length: members }, () => ({ rows, columns, inner: randomInteger(1, 600) }));
      const results = members * rows * columns;
      for (const [schedule, most] of [
        // Past 65,535 workgroups they are folded to two dimensions, whose product is some more.
        [choose(device, 'key', { problems }), Math.max(2 ** 18, (2 + 2 ** -14) * results + 2 ** 9 * members)],
        [cpuSchedule(device, problems), results],
      ] as const) {
        const numbers = sizeOf(productWorkgroups(device, problems, schedule)) * schedule.invocations;
        const what = `${kind}, ${members} of ${rows} x ${columns}, ${schedule.id}: ${numbers} for ${results}`;
        require(what, numbers <= most);
      }
    }
  }
});

test('what a tuner found goes before the table, unless this device does not have it', () => {
  const device = deviceOf('lavapipe');
  const products = { problems: [{ rows: 512, columns: 512, inner: 512 }] };
  const [first] = candidates(device);
  device.tuning.set('mine', first.id).set('foreign', 'quad 2x2');
  requireEqual('tuned', choose(device, 'mine', products).id, first.id);
  const table = choose(device, 'unknown', products).id;
  requireEqual('foreign', choose(device, 'foreign', products).id, table);
});

for (const kind of Object.keys(kinds)) {
  test(`${kind}: what is long is cut, in no more parts than 64 MiB and 256 allow, and what is short is not without need`, () => {
    const cut = (rows: number, columns: number, inner: number, count = 1) => {
      const problems = Array.from({ length: count }, () => ({ rows, columns, inner }));
      return chooseCut(deviceOf(kind), 'key', { problems }).parts;
    };
    for (const inner of [16, 512, kinds[kind].cpu ? 4096 : 1023])
      requireEqual(`1024 x 1024 x ${inner}`, cut(1024, 1024, inner), 0);
    for (const [rows, columns] of [
      [1, 1],
      [500, 2],
      [768, 270],
      [1024, 1024],
    ]) {
      const parts = cut(rows, columns, 2 ** 20, 2);
      require(`${rows} x ${columns}: ${parts} parts`, parts > 0 && parts <= 256);
      require(`${rows} x ${columns}: ${parts} parts`, 8 * rows * Math.ceil(columns / 4) * 4 * parts <= 2 ** 26);
    }
    requireEqual('past 64 MiB', cut(4097, 4096, 2 ** 20), 0);
    requireEqual('as much as 64 MiB', cut(4096, 4096, 2 ** 20), 1);
  });
}

test('a kernel is cut where a device has room for the parts beside what it binds, and not where it has settings', () => {
  const dispatches = (limits: Partial<GPUSupportedLimits> = {}, more: object = {}, count = 2) => {
    const device = {
      ...deviceOf('a GPU'),
      limits: { maxStorageBuffersPerShaderStage: 8, maxComputeWorkgroupsPerDimension: 65_535, ...limits },
    } as Device;
    const [left, right, result] = [0, 1, 2].map(() => new Storage(16));
    const part = { shape: [4, 4], offset: 0, stride: 4 };
    const problem = { ...productOfParts(part, part, part), inner: 2 ** 20 };
    const description = {
      constants: { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: false, BLEND: false },
      problems: Array(count).fill(problem),
      buffers: { left, right, result },
      ...more,
    };
    return longSums(device, linear.product as unknown as Kernel, description as never)?.length;
  };
  requireEqual('with room', dispatches({ maxStorageBuffersPerShaderStage: 5 }), 2);
  requireEqual('four storages of four', dispatches({ maxStorageBuffersPerShaderStage: 4 }), undefined);
  requireEqual('settings of its own', dispatches({}, { settings: { scale: 1 } }), undefined);
  requireEqual('a batch as long as an axis', dispatches({ maxComputeWorkgroupsPerDimension: 2 }), 2);
  requireEqual('a longer batch', dispatches({ maxComputeWorkgroupsPerDimension: 2 }, {}, 3), undefined);
});

/** Products of a step of the benchmark: how many, rows, columns, inner axis; whether it is deep, as MTTKRP in three axes is. */
const productsOfSteps = [
  [128, 150, 150, 64],
  [256, 256, 256, 70],
  [512, 500, 500, 70],
].flatMap(([n, rank, width, k]) => [
  [2, n, width, width + 1],
  [2, n, rank, width + 1],
  [1, n, n, rank],
  [1, n, rank, n],
  [2, n, width, rank],
  [2, rank, width + 1, n],
  [2, width, 3, n],
  [1, k, n, n],
  [1, n, n, k],
]);

test('a GPU: products of the three sizes of the benchmark and deep ones fill it, where there are 2^17 multiply-adds for a workgroup', () => {
  const deep = [
    [2, 128, 200, 128 * 128],
    [1, 512, 200, 2 ** 20],
    [1, 64, 3, 100_000],
    [1, 768, 270, 16_384],
  ];
  for (const [count, rows, columns, inner] of [...productsOfSteps, ...deep]) {
    const problems = Array.from({ length: count }, () => ({ rows, columns, inner }));
    const { schedule, parts } = chooseCut(deviceOf('a GPU'), 'key', { problems });
    const tiles = Math.ceil(rows / schedule.tileRows) * Math.ceil(columns / schedule.tileColumns);
    const groups = count * tiles * Math.max(1, parts);
    const isEnough = groups >= 256 || count * rows * columns * inner < 264 * 2 ** 17;
    require(`${count} of ${rows} x ${columns} x ${inner}: ${groups} workgroups on ${schedule.id}`, isEnough);
    requireEqual(`${rows} x ${columns} x ${inner} is cut`, parts > 0, inner >= 1024);
  }
  const half = choose(deviceOf('a GPU'), 'key', { problems: [{ rows: 640, columns: 640, inner: 64 }], upper: true });
  requireEqual('half of a symmetric result', half.id, 'workgroup 16');
});

/** Whole numbers as WGSL computes them. */
function numberOf(expression: string, names: ReadonlyMap<string, number>): number {
  const tokens = expression.match(/\w+|[-+*/%(),]/g) ?? [];
  let at = 0;
  const primary = (): number => {
    const token = tokens[at++];
    if (token === '(' || token === 'min') {
      if (token === 'min') at++;
      let value = sum();
      if (tokens[at] === ',') {
        at++;
        value = Math.min(value, sum());
      }
      at++;
      return value;
    }
    return names.get(token) ?? Number.parseInt(token, 10);
  };
  const product = (): number => {
    let value = primary();
    while (['*', '/', '%'].includes(tokens[at])) {
      const operator = tokens[at++];
      const right = primary();
      value = operator === '*' ? value * right : operator === '/' ? Math.floor(value / right) : value % right;
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (['+', '-'].includes(tokens[at])) value = tokens[at++] === '+' ? value + product() : value - product();
    return value;
  };
  return sum();
}

test('no two threads of a GPU that write or read workgroup memory together meet in one of its 32 banks', () => {
  const text = withImports('schedule/workgroup.wgsl');
  const found = (pattern: RegExp) => {
    const matches = [...text.matchAll(pattern)].map(match => match[1]);
    requireEqual(`${pattern}`, matches.length, 1);
    return matches[0];
  };
  const values = [
    ['quad', found(/fn broughtQuad\(.*\n *return ([^;]*);/g)] as const,
    ['step', found(/fn broughtStep\(.*\n *return ([^;]*);/g)] as const,
    ...['slice', 'high', 'wide'].map(name => [name, found(new RegExp(`let ${name} = ([^;]*);`, 'g'))] as const),
  ];
  const tile = 'tiles\\[';
  const written = `quad + ${found(new RegExp(`${tile}start \\+ (.*)\\] = block`, 'g'))}`;
  const line = found(/let at = ([^;]*QUADS);/g);
  const reads = [
    found(new RegExp(`y\\[j\\] = ${tile}(.*)\\];`, 'g')),
    found(new RegExp(`let x = ${tile}(.*)\\];`, 'g')),
  ];
  const [staged, gathered] = [
    found(new RegExp(`${tile}(.*)\\] = sums`, 'g')),
    found(new RegExp(`sum \\+= ${tile}(.*)\\];`, 'g')),
  ];
  for (const { constants, id, tileRows } of gpuTiles().filter(one => one.tileRows >= 32)) {
    const names = new Map(Object.entries(constants as Record<string, number>));
    for (const [, name, expression] of text.matchAll(/^const ([A-Z_]+) = ([^;]*);/gm)) {
      if (!names.has(name)) names.set(name, numberOf(expression, names));
    }
    requireEqual(`${id}: side`, 4 * (names.get('QUADS') as number), tileRows);
    for (let first = 0; first < 256; first += 8) {
      for (let u = 0; u < 4; u++) {
        const threads = Array.from({ length: 8 }, (_, i) => {
          const own = new Map([...names, ['lane', first + i], ['own', first + i], ['u', u], ['r', u]] as const);
          for (const loop of ['i', 'j', 's']) own.set(loop, 0);
          for (const [name, expression] of values) own.set(name, numberOf(expression, own));
          return own.set('at', numberOf(line, own));
        });
        for (const access of [written, ...reads, staged, gathered]) {
          // A quad is four banks; threads that read the same one are served at once.
          const quads = new Set(threads.map(own => numberOf(access, own)));
          const banks = new Set([...quads].map(at => at % 8));
          requireEqual(`${id}: threads from ${first} on at ${access}`, banks.size, quads.size);
        }
      }
    }
  }
});
