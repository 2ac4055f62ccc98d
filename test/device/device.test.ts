/** Devices: the chain of adapters, the embedded driver, limits, and what is said where nothing is found. */

import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isCpu, kindOf } from '../../src/device/adapter.js';
import { type EmbeddedDriver, findAdapter, openDevice, type SystemDrivers } from '../../src/device/dawn.js';
import { featuresOf } from '../../src/device/device.js';
import { sleepInTurns } from '../../src/device/sleepInTurns.js';
import { unpackedArchive } from '../../src/io/embeddedDriver.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { createEngine, deviceDescriptor, matrixFeatures, openEngine } from '../../src/public/node.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('device');

const info = (architecture: string, description: string, isFallbackAdapter = false) =>
  ({ vendor: '', architecture, description, isFallbackAdapter }) as unknown as GPUAdapterInfo;

test('adapters are told apart by what they say of themselves', () => {
  const cases: [GPUAdapterInfo, string, boolean][] = [
    [info('swiftshader', 'SwiftShader driver 5.0.0', true), 'embedded', true],
    [info('software', 'llvmpipe: Mesa 25.0.7'), 'software', true],
    [info('', '', true), 'software', true],
    [info('ampere', 'NVIDIA RTX A2000'), 'hardware', false],
    [info('', ''), 'hardware', false],
  ];
  for (const [adapter, kind, cpu] of cases) {
    requireEqual(`kind of ${adapter.description}`, kindOf(adapter), kind);
    requireEqual(`cpu of ${adapter.description}`, isCpu(adapter), cpu);
  }
});

test('the embedded adapter opens on any machine, alone and as the end of the chain', async () => {
  const embedded = await openEngine({ adapter: 'embedded' });
  requireEqual('kind', embedded.adapter.kind, 'embedded');
  requireClose('it computes', await embedded.tensor([2], [3, 4]).read(), [3, 4], {});
  await embedded.dispose();
  const auto = await openEngine();
  require(`auto opened ${auto.adapter.kind}`, ['hardware', 'software', 'embedded'].includes(auto.adapter.kind));
  await auto.dispose();
});

test('a portable engine has the default limits and no optional feature', async () => {
  const portable = await openEngine({ adapter: 'embedded', portable: true });
  const { limits } = portable.device;
  requireEqual('features', featuresOf(portable.device), ['core-features-and-limits']);
  requireEqual('limits', [limits.maxStorageBufferBindingSize, limits.maxBufferSize], [134_217_728, 268_435_456]);
  await portable.dispose();
});

test('a descriptor whose list of features stands in the place of the flag is refused', () => {
  const adapter = { features: new Set(matrixFeatures), limits: {} } as unknown as GPUAdapter;
  const given = matrixFeatures as unknown as boolean;
  return requireThrows(
    'list',
    () => deviceDescriptor(adapter, given),
    'InputError',
    /^portable: .*: use true or false$/,
  );
});

test('a descriptor is asked of an adapter: of none, as where a browser has none, it is refused', async () => {
  for (const none of [undefined, null, 'auto'] as unknown as GPUAdapter[]) {
    for (const portable of [false, true]) {
      const error = /^adapter: (undefined|null|"auto") is none: await navigator\.gpu\.requestAdapter\(\), null where/;
      await requireThrows(`${none}`, () => deviceDescriptor(none, portable), 'InputError', error);
    }
  }
});

test('options of openEngine that are undefined are as if left out', async () => {
  const nothing = { adapter: undefined, portable: undefined, dawn: undefined, matrixUnits: undefined };
  const [bare, given] = [await openEngine(), await openEngine(nothing)];
  requireEqual('adapter', given.adapter, bare.adapter);
  requireEqual('features', featuresOf(given.device), featuresOf(bare.device));
  await bare.dispose();
  await given.dispose();
});

test('an unknown adapter is refused by its name; where none is found, one line tells all that was tried', async () => {
  await requireThrows(
    'unknown',
    () => openEngine({ adapter: 'gpu' as 'auto' }),
    'InputError',
    /adapter: 'gpu' is unknown: use auto/,
  );
  const broken: EmbeddedDriver = {
    load: () => Promise.reject(new Error('no driver here')),
    alone: work => work(),
  };
  const system: SystemDrivers = { missing: () => 'no Vulkan driver', hasLoader: () => false };
  await requireThrows(
    'none',
    () => openDevice({ adapter: 'auto', driver: broken, system }),
    'RunError',
    /^no WebGPU adapter. Tried hardware: no Vulkan driver; install.*software: .*mesa-vulkan-drivers.*embedded: no driver here; npm install/,
  );
});

test('every adapter is looked at before none of a sort is found, those of high performance first', async () => {
  const asked: string[] = [];
  const adapterOf = (name: string) => ({ info: info('', name) }) as unknown as GPUAdapter;
  /** As Dawn: the first adapter, or the one that is named, or an error with the names of all. */
  const dawnWith = (names: readonly string[]) => (options: string[]) =>
    ({
      requestAdapter: async ({ forceFallbackAdapter = false, powerPreference = '' } = {}) => {
        const named = options.find(option => option.startsWith('adapter='))?.slice('adapter='.length);
        asked.push(`${named ?? ''} ${powerPreference}`.trim());
        if (names.length === 0 || forceFallbackAdapter) return null;
        const found = named === undefined ? names[0] : names.find(name => name === named);
        if (found !== undefined) return adapterOf(found);
        throw new Error(`no adapter\n${names.map(name => ` * backend: 'vulkan', name: '${name}'`).join('\n')}`);
      },
    }) as unknown as GPU;
  const found = async (names: readonly string[], onCpu: boolean, dawn: readonly string[] = []) => {
    const result = await findAdapter(dawnWith(names), dawn, onCpu);
    return typeof result === 'object' ? result.adapter.info.description : result;
  };
  const names = ['llvmpipe (256 bits)', 'Radeon', 'GeForce'];
  requireEqual('a GPU behind a CPU', await found(names, false), 'Radeon');
  require(`asked for ${asked}`, asked[0] === 'high-performance' && asked.at(-1) === 'Radeon high-performance');
  requireEqual('a CPU behind a GPU', await found(['Radeon', 'llvmpipe'], true), 'llvmpipe');
  requireEqual('the preferred one', await found(names, true), names[0]);
  requireEqual('none of the sort', await found(['llvmpipe'], false), undefined);
  requireEqual('none at all', await found([], false), undefined);
  requireEqual('a host that named one', await found(names, false, [`adapter=${names[0]}`]), undefined);
});

test('what a host should ask of its adapter: subgroups and the largest bindings where it has them', async () => {
  const limits = { maxBufferSize: 1 << 30, maxStorageBufferBindingSize: 1 << 29 };
  const adapter = { features: new Set(['subgroups', 'shader-f16']), limits } as unknown as GPUAdapter;
  const descriptor = { label: 'sepnn', requiredFeatures: ['subgroups'], requiredLimits: limits };
  requireEqual<unknown>('all', deviceDescriptor(adapter), descriptor);
  const without = { features: new Set(), limits } as unknown as GPUAdapter;
  requireEqual('no subgroups', deviceDescriptor(without).requiredFeatures, []);
  requireEqual('portable', deviceDescriptor(adapter, true), { label: 'sepnn' });
  const { requiredFeatures } = deviceDescriptor(adapter, false, matrixFeatures);
  requireEqual<unknown>('for matrix units, those that there are', requiredFeatures, ['subgroups', 'shader-f16']);
});

test('the driver is unpacked once, verified, and unpacked again where a file was damaged', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'sepnn-test-'));
  const before = process.env.SEPNN_CACHE;
  process.env.SEPNN_CACHE = cache;
  try {
    const [first, second] = await Promise.all([unpackedArchive('swiftshader'), unpackedArchive('swiftshader')]);
    requireEqual('two at once give one folder', first, second);
    requireEqual('nothing half-written stays', readdirSync(cache).length, 1);
    const library = join(first, 'libvulkan.so.1');
    for (const damage of [
      () => truncateSync(library, 1000),
      () => writeFileSync(library, 'x'),
      () => rmSync(library),
    ]) {
      damage();
      await unpackedArchive('swiftshader');
      require('it is whole again', readdirSync(first).includes('libvulkan.so.1'));
    }
  } finally {
    if (before === undefined) delete process.env.SEPNN_CACHE;
    else process.env.SEPNN_CACHE = before;
    rmSync(cache, { recursive: true });
  }
});

test('memory is counted, and its peak kept', async () => {
  const before = engine.memory;
  const tensor = engine.tensor([1000, 1000]);
  requireEqual('bytes', engine.memory.bytes - before.bytes, 4_000_000);
  requireEqual('buffers', engine.memory.buffers - before.buffers, 1);
  tensor.dispose();
  requireEqual('bytes after', engine.memory.bytes, before.bytes);
  require('peak', engine.memory.peakBytes >= before.bytes + 4_000_000);
});

/** The turns of the event loop, and the milliseconds, that some work takes. */
async function turnsOf(work: () => Promise<unknown>): Promise<{ turns: number; milliseconds: number }> {
  let [turns, over] = [0, false];
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  const start = performance.now();
  setImmediate(count);
  await work();
  over = true;
  return { turns, milliseconds: performance.now() - start };
}

test('the event loop sleeps while the device works: about a turn a millisecond', async () => {
  const a = engine.tensor([256, 256]);
  const plan = await engine.compile(graph => ({ c: matmul(graph.read(a), graph.read(a)) }));
  await plan.run();
  const { milliseconds: once } = await turnsOf(() => plan.run({ times: 10 }));
  const { turns, milliseconds } = await turnsOf(() => plan.run({ times: Math.ceil(5000 / once) }));
  require(`${turns} turns in ${milliseconds} ms`, milliseconds > 100 && turns < 3 * milliseconds);
  plan.dispose();
  a.dispose();
});

test('sleeping in turns ends with what is pending, and sleeps no longer than its share', async () => {
  const start = performance.now() - 10;
  let asked = 0;
  const { milliseconds } = await turnsOf(
    () =>
      new Promise<void>(resolve => {
        sleepInTurns(() => {
          if (++asked < 20) return start;
          resolve();
          return undefined;
        });
      }),
  );
  requireEqual('asked', asked, 20);
  // 19 sleeps of a sixteenth of the time that has passed by then, the first of 10 ms, or of what the system makes of it.
  require(`took ${milliseconds} ms`, milliseconds > 10 && milliseconds < 100);
});

test('a host that lends a device may look after its event loop itself: told since when something is pending', async () => {
  const lent = await openEngine({ adapter: 'embedded' });
  const waits: (() => number | undefined)[] = [];
  const own = await createEngine({ device: lent.device.gpu, whilePending: pendingSince => waits.push(pendingSince) });
  const reading = own.tensor([1], [2]).read();
  requireEqual('told once for all that is pending', waits.length, 1);
  const since = waits[0]();
  require(`pending since ${since}`, since !== undefined && since <= performance.now());
  requireClose('read', await reading, [2], {});
  await own.check();
  requireEqual('nothing is pending', waits[0](), undefined);
  const again = own.check();
  requireEqual('told again', waits.length, 2);
  await again;
  await own.dispose();
  await lent.dispose();
});
