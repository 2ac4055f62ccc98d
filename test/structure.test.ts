/** Rules that the tree itself keeps: a twin and a test for every kernel, imports that go leftwards, the package's face. */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { kernelFiles, withImports } from '../scripts/kernels.js';
import type { Device } from '../src/device/device.js';
import { catalogue, type KernelName, scheduleCatalogue } from '../src/kernel/catalogue.js';
import { candidates } from '../src/kernel/scheduleTable.js';
import { refusedKernels } from './helpers/acceptance.js';
import { require, requireEqual } from './helpers/compare.js';
import { device } from './helpers/gpu.js';
import { suite } from './helpers/suite.js';

const test = suite('structure');
const root = new URL('..', import.meta.url).pathname;
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const names = Object.keys(catalogue) as KernelName[];

const testFiles = readdirSync(`${root}test`).filter(name => name.endsWith('.test.ts'));
const testTexts = testFiles.map(name => read(`test/${name}`)).join('\n');

test('every kernel has a float64 twin of its name, and a test that runs it against that twin', () => {
  for (const name of names) {
    require(`${name} has no twin: test/reference/${name}.ts`, existsSync(`${root}test/reference/${name}.ts`));
    require(`no test imports the twin of ${name}`, testTexts.includes(`./reference/${name}.js'`));
    // A kernel is dispatched by its name, or by the operation of its name.
    require(`no test runs ${name}`, new RegExp(`'${name}'|\\b${name}Operation\\b`).test(testTexts));
  }
});

test('every schedule of the matrix products is a candidate on some device, and kernelProducts tests the candidates', () => {
  const kinds = [{ cpu: false }, { cpu: true }, { cpu: true, subgroupSize: 4 }, { cpu: true, subgroupSize: 8 }];
  const offered = kinds.flatMap(kind => candidates(kind as Device).map(({ name }) => name));
  requireEqual('schedules', [...new Set(offered)].sort(), Object.keys(scheduleCatalogue).sort());
  require('the candidates are not tested', read('test/helpers/products.ts').includes('...candidates(device)'));
});

test('a twin imports nothing from src', () => {
  for (const name of readdirSync(`${root}test/reference`)) {
    const imports = [...read(`test/reference/${name}`).matchAll(/from '([^']+)'/g)].map(match => match[1]);
    requireEqual(
      `${name} imports`,
      imports.filter(path => !path.startsWith('./')),
      [],
    );
  }
});

test('every kernel on every schedule is accepted by Dawn with its default constants', async () => {
  requireEqual('refused', await refusedKernels(device.gpu), []);
});

test('no kernel declares a variable without a value: in a loop, Tint leaves it as it was the last time round', () => {
  for (const path of kernelFiles()) {
    const found = withImports(path).match(/^\s+var \w+: [^=;]*;/m);
    requireEqual(`${path} declares`, found?.[0], undefined);
  }
});

test('no kernel binds more than 8 storage buffers, or asks for more workgroup memory or threads than the defaults', () => {
  for (const name of names) {
    const storages = catalogue[name].bindings.filter(binding => binding.access !== 'uniform');
    require(`${name} binds ${storages.length} storage buffers`, storages.length <= 8);
  }
  const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize } = device.limits;
  requireEqual('limits asked for', [maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize], [8, 16_384]);
});

/** The rooms of src in the order of the data's way; an import goes to the left. */
const rooms = [
  'errors',
  'device',
  'buffer',
  'kernel',
  'graph',
  'ops',
  'factor',
  'separable',
  'tangent',
  'precondition',
  'train',
  'geometry',
  'io',
];
const order = [...rooms, 'index', 'node', 'cli'];

interface Import {
  readonly file: string;
  readonly path: string;
}

function importsOfSources(): Import[] {
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'));
  return files.flatMap(file =>
    [...read(`src/${file}`).matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(match => ({ file, path: match[1] })),
  );
}

function roomOf(file: string): string {
  return file.split('/')[0].replace(/\.[jt]s$/, '');
}

test('an import goes leftwards, and every file of src stands in a room', () => {
  const wrong = importsOfSources().flatMap(({ file, path }) => {
    const from = roomOf(file);
    if (!path.startsWith('.')) return [];
    const to = roomOf(new URL(path, `file:///${file}`).pathname.slice(1));
    const allowed = order.includes(from) && order.includes(to) && order.indexOf(to) <= order.indexOf(from);
    return allowed ? [] : [`${file} imports ${path}`];
  });
  requireEqual('wrong imports', wrong, []);
});

test('only src/device imports webgpu, and only src/io and src/cli import what Node brings', () => {
  const wrong = importsOfSources().flatMap(({ file, path }) => {
    const room = roomOf(file);
    if (path === 'webgpu' && room !== 'device') return [`${file} imports webgpu`];
    if (path.startsWith('node:') && room !== 'io' && room !== 'cli') return [`${file} imports ${path}`];
    return [];
  });
  requireEqual('wrong imports', wrong, []);
});

test('no file right of the kernels names an object of the GPU, but for what the engine is given and hands on', () => {
  const given: Readonly<Record<string, readonly string[]>> = {
    'graph/engine.ts': ['GPUBuffer'],
    'index.ts': ['GPUDevice', 'GPUAdapterInfo'],
  };
  const right = new Set(order.slice(order.indexOf('graph')));
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'));
  for (const file of files.filter(name => right.has(roomOf(name)))) {
    const code = read(`src/${file}`).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    const named = [...new Set(code.match(/\bGPU[A-Z]\w+|\.gpu\b|\.buffer\b(?=\.)/g) ?? [])];
    requireEqual(
      `${file} names`,
      named.filter(name => !given[file]?.includes(name)),
      [],
    );
  }
});

test('whoever installs the package for a browser pulls in nothing at run time', () => {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--json'], { cwd: root, encoding: 'utf8' });
  requireEqual('dependencies', (JSON.parse(listed) as { dependencies?: unknown }).dependencies, undefined);
});
