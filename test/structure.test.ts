/** Rules that the tree itself keeps: twins and tests for kernels, imports that go leftwards, no tests of kinds, small folders and bundles. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { kernelFiles, kernelsAndSlots, withImports } from '../scripts/kernels.js';
import type { Device } from '../src/device/device.js';
import type { Kernel } from '../src/kernel/kernel.js';
import { candidates } from '../src/schedule/table.js';
import { refusedKernels } from './helpers/acceptance.js';
import { require, requireEqual } from './helpers/compare.js';
import { device } from './helpers/gpu.js';
import { suite } from './helpers/suite.js';

const test = suite('structure');
const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const filesOf = (folder: string, ending: string) =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith(ending));

const kernels = Object.entries(kernelsAndSlots()).filter((entry): entry is [string, Kernel] => 'bindings' in entry[1]);
const testTexts = filesOf('test', '.test.ts').map(name => ({
  folder: dirname(join('test', name)),
  text: read(`test/${name}`),
}));

test('every kernel has a float64 twin of its name in the same group, and a test that runs it against that twin', () => {
  for (const [path, { name }] of kernels) {
    const twin = `test/reference/${dirname(path)}/${name}`;
    require(`${name} has no twin: ${twin}.ts`, existsSync(`${root}${twin}.ts`));
    const users = testTexts.filter(({ folder, text }) => text.includes(`'${relative(folder, twin)}.js'`));
    require(`no test imports the twin of ${name}`, users.length > 0);
    // A kernel is dispatched by its name, or by the operation of its name.
    const runs = new RegExp(`\\.${name}\\b|\\b${name}Operation\\b`);
    require(`no test runs ${name}`, users.some(({ text }) => runs.test(text)));
  }
});

/** A twin that texts for slots share: its file under test/reference, what it exports, and the name by which it knows a text. */
type SharedTwin = readonly [file: string, twin: string, name?: string];

/** The texts for slots that have no twin of their own name in their group. */
const sharedTwins: Readonly<Record<string, SharedTwin>> = {
  'inner/whole': ['linear/product', 'product'],
  'network/activation/cosine': ['network/activation', 'activation', 'cosine'],
  'network/activation/leakyRelu': ['network/activation', 'activation', 'leaky-relu'],
  'network/activation/relu': ['network/activation', 'activation', 'relu'],
  'network/activation/sine': ['network/activation', 'activation', 'sine'],
  'network/activation/tanh': ['network/activation', 'activation', 'tanh'],
  'network/derivatives/cosineDerivatives': ['network/jetNetwork', 'activationDerivatives', 'cosine'],
  'network/derivatives/sineDerivatives': ['network/jetNetwork', 'activationDerivatives', 'sine'],
  'network/derivatives/tanhDerivatives': ['network/jetNetwork', 'activationDerivatives', 'tanh'],
  'objective/loss/bceWithLogits': ['objective/pointwiseLoss', 'pointwiseLoss', 'bce-with-logits'],
  'objective/loss/squaredError': ['objective/pointwiseLoss', 'pointwiseLoss', 'squared-error'],
  'objective/residual/condition': ['objective/residuals', 'residuals'],
  'objective/residual/elementary': ['objective/residuals', 'residuals'],
  'schedule/quad': ['linear/product', 'product'],
  'schedule/register': ['linear/product', 'product'],
  'schedule/subgroup': ['linear/product', 'product'],
  'schedule/subgroupMatrix': ['linear/product', 'product'],
  'schedule/workgroup': ['linear/product', 'product'],
};

test('every text for a slot has a twin of its name or is known to one that others share, and a test uses that twin', () => {
  const slots = kernelFiles()
    .filter(path => !path.startsWith('shared/') && !kernels.some(([kernel]) => kernel === path))
    .map(path => path.replace('.wgsl', ''));
  const shared = slots.filter(path => !existsSync(`${root}test/reference/${path}.ts`));
  requireEqual('texts that share a twin', shared, Object.keys(sharedTwins).sort());
  for (const path of slots) {
    const [file, twin, name] = sharedTwins[path] ?? [path, basename(path)];
    const text = read(`test/reference/${file}.ts`);
    require(`${file} exports no ${twin}, the twin of ${path}`, text.includes(`export function ${twin}(`));
    require(`${file} does not know ${path} by ${name}`, name === undefined || text.includes(`'${name}'`));
    const users = testTexts.filter(one => one.text.includes(`'${relative(one.folder, `test/reference/${file}`)}.js'`));
    require(`no test imports ${file}, the twin of ${path}`, users.length > 0);
  }
});

test('every schedule of the matrix products is a candidate on some device, and kernelProducts tests the candidates', () => {
  const kinds = [{ cpu: false }, { cpu: true }, { cpu: true, subgroupSize: 4 }, { cpu: true, subgroupSize: 8 }];
  const offered = kinds.flatMap(kind => candidates(kind as Device).map(({ text }) => text.name));
  offered.push('subgroupMatrix'); // whoever asks for matrix units has it: tested as it runs on those, emulated
  const files = kernelFiles().filter(path => path.startsWith('schedule/'));
  requireEqual(
    'schedules',
    [...new Set(offered)].sort(),
    files.map(path => path.replace(/^schedule\/|\.wgsl$/g, '')),
  );
  for (const tested of ['...candidates(device)', 'emulatedSchedule('])
    require(`${tested} is not tested`, read('test/helpers/products.ts').includes(tested));
});

test('a twin imports nothing from src', () => {
  for (const name of filesOf('test/reference', '.ts')) {
    const imports = [...read(`test/reference/${name}`).matchAll(/from '([^']+)'/g)].map(match => match[1]);
    const outside = imports.filter(
      path => !/^(\.|node:)/.test(path) || join('test/reference', dirname(name), path).startsWith('src'),
    );
    requireEqual(`${name} imports`, outside, []);
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
  for (const [, { name, bindings = [] }] of kernels) {
    const storages = bindings.filter(binding => binding.access !== 'uniform');
    require(`${name} binds ${storages.length} storage buffers`, storages.length <= 8);
  }
  const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize } = device.limits;
  requireEqual('limits asked for', [maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize], [8, 16_384]);
});

/** The rooms of src in the order of the data's way; an import goes to the left. */
const order = [
  'errors',
  'host',
  'wgsl',
  'device',
  'buffer',
  'kernel',
  'schedule',
  'graph',
  'ops',
  'immediate',
  'model',
  'objective',
  'ntk',
  'precondition',
  'optimiser',
  'train',
  'pde',
  'geometry',
  'io',
  'experiments',
  'public',
  'cli',
];
const sources = filesOf('src', '.ts');

interface Import {
  readonly file: string;
  readonly path: string;
}

const imports: readonly Import[] = sources.flatMap(file =>
  [...read(`src/${file}`).matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(match => ({ file, path: match[1] })),
);

function roomOf(file: string): string {
  return file.split('/')[0].replace(/\.[jt]s$/, '');
}

/** The file of src that an import names. */
function targetOf({ file, path }: Import): string {
  return join(dirname(file), path).replace(/\.js$/, '.ts');
}

test('an import goes leftwards, and every file of src stands in a room', () => {
  const wrong = imports.flatMap(one => {
    if (!one.path.startsWith('.')) return [];
    const [from, to] = [roomOf(one.file), roomOf(targetOf(one))];
    const allowed = order.includes(from) && order.includes(to) && order.indexOf(to) <= order.indexOf(from);
    return allowed ? [] : [`${one.file} imports ${one.path}`];
  });
  requireEqual('wrong imports', wrong, []);
});

test('no files import each other in a circle', () => {
  const below = new Map(
    sources.map(file => [file, imports.filter(one => one.file === file && one.path.startsWith('.')).map(targetOf)]),
  );
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    require(`a circle: ${[...way, file].join(' -> ')}`, !way.includes(file));
    if (done.has(file)) return;
    for (const next of below.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
});

test('only src/device imports webgpu, and only rooms from io on import what Node brings', () => {
  const withNode = order.slice(order.indexOf('io'));
  const wrong = imports.flatMap(({ file, path }) => {
    const room = roomOf(file);
    if (path === 'webgpu' && room !== 'device') return [`${file} imports webgpu`];
    if (path.startsWith('node:') && !withNode.includes(room)) return [`${file} imports ${path}`];
    return [];
  });
  requireEqual('wrong imports', wrong, []);
});

/** A source without its comments. */
function codeOf(file: string): string {
  return read(`src/${file}`).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
}

test('no file right of the kernels names an object of the GPU, but for what the engine is given and hands on', () => {
  const given: Readonly<Record<string, readonly string[]>> = {
    'public/index.ts': ['GPUDevice', 'GPUAdapterInfo'],
  };
  const right = new Set(order.slice(order.indexOf('graph')));
  for (const file of sources.filter(name => right.has(roomOf(name)))) {
    const named = [...new Set(codeOf(file).match(/\bGPU[A-Z]\w+|\.gpu\b|\.buffer\b(?=\.)/g) ?? [])];
    requireEqual(
      `${file} names`,
      named.filter(name => !given[file]?.includes(name)),
      [],
    );
  }
});

test('values are told by what they can do: no test of a kind, a class or a name outside the codec and the command', () => {
  const mayTest = (file: string) => file === 'model/codec.ts' || roomOf(file) === 'cli';
  // Names by which domains, contractions, readouts, objectives, optimisers, preconditioners and activations go.
  const names = [
    ...['grid', 'scattered-points', 'cp', 'tensor-train', 'tucker', 'joint-network', 'identity', 'mixing', 'decoder'],
    ...['points', 'tt', 'joint', 'mlp'],
    ...[
      'squared-error',
      'bce-with-logits',
      'squares',
      'crossEntropy',
      'adam',
      'sgd',
      'muon',
      'shampoo',
      'seppgd',
      'msk',
      'iga',
    ],
    ...['sine', 'cosine', 'relu', 'leaky-relu', 'tanh'],
  ];
  const quoted = `'(?:${names.join('|')})'`;
  const ownClasses = sources.flatMap(file => [...codeOf(file).matchAll(/\bclass (\w+)/g)].map(match => match[1]));
  const forbidden: Readonly<Record<string, RegExp>> = {
    'a test of a kind': /\bkind\s*[!=]==|[!=]==\s*\w+\.kind\b|case \w+\.kind/,
    'a test of a name': new RegExp(`[!=]==\\s*${quoted}|${quoted}\\s*[!=]==|case\\s+${quoted}|includes\\(${quoted}`),
    'a union of names': new RegExp(`${quoted}\\s*\\|\\s*'|\\|\\s*${quoted}`),
    'an instanceof of our own': new RegExp(`instanceof (?:${ownClasses.join('|')})\\b`),
  };
  for (const file of sources.filter(name => !mayTest(name) && roomOf(name) !== 'wgsl')) {
    for (const [what, pattern] of Object.entries(forbidden)) {
      requireEqual(`${file}: ${what}`, codeOf(file).match(pattern)?.[0], undefined);
    }
  }
});

test('no folder of src or kernels has more than 14 files side by side, and no test stands outside a room', () => {
  for (const top of ['src', 'kernels']) {
    const counts = new Map<string, number>();
    for (const file of filesOf(top, '').filter(name => /\.(ts|wgsl)$/.test(name) && !name.startsWith('wgsl/'))) {
      const folder = dirname(join(top, file));
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    for (const [folder, count] of counts) require(`${folder} has ${count} files`, count <= 14);
  }
  // Beside the rooms of src: the tree itself, the package from outside, other platforms, the benchmark.
  const rooms = [...order, 'platforms', 'bench'];
  const outside = filesOf('test', '.test.ts').filter(
    name => !['structure.test.ts', 'extend.test.ts', 'readme.test.ts'].includes(name) && !rooms.includes(roomOf(name)),
  );
  requireEqual('tests outside a room', outside, []);
});

test('no file takes the path of its own address by hand, which has %20 where the folder has a space', () => {
  for (const top of ['src', 'bench', 'scripts', 'test']) {
    for (const file of filesOf(top, 's').filter(name => /\.m?[jt]s$/.test(name))) {
      requireEqual(`${top}/${file}`, read(`${top}/${file}`).match(/import\.meta\.url\)\.pathname/)?.[0], undefined);
    }
  }
});

test('a test file fails that cannot be imported, that registers no test or that throws outside one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sepnn runFile #'));
  const files: Readonly<Record<string, readonly [text: string, status: number]>> = {
    good: [`suite('good')('passes', () => {});`, 0],
    missing: [`suite('good')('passes', () => {}); await import('./nowhere.js');`, 1],
    throwing: [`suite('good')('passes', () => {}); throw new Error('no such folder');`, 1],
    outside: [`suite('good')('passes', () => {}); setTimeout(() => { throw new Error('late'); });`, 1],
    empty: ['', 1],
  };
  const suites = pathToFileURL(`${root}test/helpers/suite.ts`).href;
  for (const [name, [text, expected]] of Object.entries(files)) {
    const path = join(folder, `${name}.test.mjs`);
    writeFileSync(path, `import { suite } from '${suites}';\n${text}\n`);
    const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'test/helpers/runFile.ts', path], { cwd: root });
    requireEqual(`${name}: exit`, status, expected);
  }
  rmSync(folder, { recursive: true });
});

test('a bundle carries what it uses: a matrix product at most 18 KB, a trainer with CP and SepPGD at most 45 KB, gzipped', () => {
  const bundles: readonly [string, number][] = [
    [
      `import { createEngine } from './src/public/index.js';
       import { matmul } from './src/public/ops.js';
       globalThis.used = [createEngine, matmul];`,
      18_000,
    ],
    [
      `import { adam, architecture, cp, createEngine, defineModel, grid, sepPgd, Trainer } from './src/public/index.js';
       globalThis.used = [adam, architecture, cp, createEngine, defineModel, grid, sepPgd, Trainer];`,
      45_000,
    ],
  ];
  for (const [contents, most] of bundles) {
    const { outputFiles } = buildSync({
      stdin: { contents, resolveDir: root, loader: 'ts' },
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      write: false,
    });
    const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length;
    require(`${bytes} bytes, at most ${most}`, bytes <= most);
  }
});

test('bundling the built package gives no warning', () => {
  const contents = `import * as all from './dist/index.js'; import * as ops from './dist/ops.js'; globalThis.used = [all, ops];`;
  const { warnings } = buildSync({
    stdin: { contents, resolveDir: root },
    bundle: true,
    format: 'esm',
    logLevel: 'silent',
    write: false,
  });
  requireEqual(
    'warnings',
    warnings.map(({ text }) => text),
    [],
  );
});

test('whoever installs the package for a browser pulls in nothing at run time', () => {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--json'], { cwd: root, encoding: 'utf8' });
  requireEqual('dependencies', (JSON.parse(listed) as { dependencies?: unknown }).dependencies, undefined);
});
