/** The package as it is installed: licences of what is inside, types that compile by themselves, peers that are missing. */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { entries, root, vendor } from '../../scripts/bundles.js';
import { noticesOf } from '../../scripts/notices.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { atEnd, suite } from '../helpers/suite.js';

const test = suite('package');
const folder = mkdtempSync(join(tmpdir(), 'sepnn package '));
atEnd(async () => rmSync(folder, { recursive: true }));

/** Names of all packages of which a bundle has code. */
function namesInside({ outputs }: Metafile): string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.keys(inputs)
      .filter(path => path.includes('node_modules/') && inputs[path].bytesInOutput > 0)
      .map(path => /((?:@[^/]+\/)?[^/]+)/.exec(path.slice(path.lastIndexOf('node_modules/') + 13))?.[1] ?? path),
  );
}

test('THIRD-PARTY-NOTICES has name, version, licence and the whole licence text of what is inside, and is packed', async () => {
  const bundled = [await build({ ...entries, write: false }), await build({ ...vendor, write: false })];
  const names = [...new Set(bundled.flatMap(({ metafile }) => namesInside(metafile)))].sort();
  require(`names inside: ${names}`, names.includes('commander') && names.includes('echarts'));
  const notices = readFileSync(`${root}dist/THIRD-PARTY-NOTICES`, 'utf8');
  const listed = [...notices.matchAll(/^={80}\n(\S+) (\S+) \((.+)\)\n={80}\n/gm)];
  requireEqual('named', listed.map(([, name]) => name).sort(), names);
  for (const [, name, version, licence] of listed) {
    const manifest = JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, 'utf8'));
    requireEqual(name, [version, licence], [manifest.version, manifest.license]);
  }
  const texts = ['commander/LICENSE', 'cli-progress/LICENSE.md', 'echarts/NOTICE', 'echarts/licenses/LICENSE-d3'];
  for (const path of texts) {
    require(path, notices.includes(readFileSync(`${root}node_modules/${path}`, 'utf8').trim()));
  }
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: root, encoding: 'utf8' });
  const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
  const licences = files.map(({ path }) => path).filter(path => /licen[cs]e|notice/i.test(path));
  requireEqual('packed', licences.sort(), ['LICENSE', 'dist/THIRD-PARTY-NOTICES']);
});

test('a package with no licence or no text of it is refused in one line that names it', async () => {
  const packageOf = (name: string, manifest: object, files: Readonly<Record<string, string>>): string => {
    const own = join(folder, name);
    mkdirSync(own, { recursive: true });
    for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
      writeFileSync(join(own, file), text);
    }
    return own;
  };
  const manifest = { name: 'bare', version: '1.2.3', license: 'MIT' };
  const bare = packageOf('bare', manifest, { NOTICE: 'none' });
  await requireThrows(
    'no text',
    () => noticesOf([bare]),
    'Error',
    /^bare 1\.2\.3 is bundled and has no licence text \(.*\): take another.*$/,
  );
  const unnamed = packageOf('unnamed', { ...manifest, license: undefined }, { LICENCE: 'do what you like' });
  await requireThrows(
    'no licence',
    () => noticesOf([unnamed]),
    'Error',
    /^bare 1\.2\.3 is bundled and names no licence .*$/,
  );
});

/** A folder of a host's own with nothing installed but sepnn. */
function hostWith(name: string): string {
  const host = join(folder, name);
  const installed = join(host, 'node_modules/sepnn');
  cpSync(`${root}dist`, join(installed, 'dist'), { recursive: true });
  cpSync(`${root}package.json`, join(installed, 'package.json'));
  return host;
}

test('a strict consumer compiles against the packed types with the libraries es2022 and dom and nothing else', () => {
  const host = hostWith('types');
  writeFileSync(
    join(host, 'use.mts'),
    `import { architecture, cp, defineModel, grid, type Model } from 'sepnn';
import { type Engine, openEngine } from 'sepnn/node';
import { denseNtk } from 'sepnn/ntk';
import { matmul } from 'sepnn/ops';
import { defineProblem } from 'sepnn/pde';
const network = architecture({ width: 8 });
export const model: Model = defineModel({ domain: grid([4, 4]), contraction: cp({ rank: 2 }), network });
export const engine: Promise<Engine> = openEngine({ adapter: 'auto' });
export const all = [denseNtk, matmul, defineProblem];
// @ts-expect-error an adapter that there is not
openEngine({ adapter: 'none' });
`,
  );
  requireCompiles(host, 'use.mts');
});

test('what the package gives has a name in declarations of a host, and members that unchecked indices leave certain', () => {
  const host = hostWith('declarations');
  writeFileSync(
    join(host, 'use.mts'),
    `import { type Engine, runTraining, type Trainer } from 'sepnn';
import type { TangentTrainer } from 'sepnn/ntk';
import { eigendecompose, type Graph, matmul, multiply, type Operation, sum, vjp } from 'sepnn/ops';
import { defineProblem, type Discretisation, given, type ProblemTrainer } from 'sepnn/pde';
const exact = ({ t, x }: { readonly t: number; readonly x: number }) => t * x;
export const problem = defineProblem({
  name: 'own',
  axes: { t: [0, 1], x: [0, 1] },
  fields: ['u', 'v'],
  equations: ({ u, v, x }) => [u.dt.minus(u.dxx.times(x), v.dxxtt), v.minus(given(exact))],
  conditions: ({ u }) => [{ name: 'start', at: { t: 0 }, residual: u.minus(given<'x'>(({ x }) => 2 * x)) }],
  exact: { u: exact },
});
export class Own {
  constructor(readonly trainer: Trainer, readonly solver: ProblemTrainer, readonly ridge: TangentTrainer) {}
  state = () => this.trainer.state();
  solved = () => this.solver.state();
  work = () => this.trainer.work;
  spectra = () => this.trainer.spectra();
  run = () => runTraining(this.trainer, { steps: 2, reportEvery: 1, measure: async one => (await one.evaluate()).training / 2 });
  async losses(): Promise<number> {
    const { training } = await this.ridge.evaluate();
    const { equations } = await this.solver.evaluate();
    return training + equations;
  }
  async field(): Promise<Float32Array> {
    const { u, u_xx } = await this.solver.solution({ t: [0], x: [0, 1] }, ['u', 'u_xx']);
    return u.length > 1 ? u : u_xx;
  }
}
export const profile = (engine: Engine) => engine.profile;
export const nodesOf = ({ nodes, assignments }: Graph) => ({ nodes, assignments });
export const fused = ({ fuse, lower }: Operation) => ({ fuse, lower });
export const grids = ({ grids }: Discretisation) => grids;
export const plan = (engine: Engine) =>
  engine.compile(graph => {
    const a = graph.read(engine.tensor([2, 2]));
    const product = matmul(a, a);
    const [gradient] = vjp(sum(multiply(product, product)), 1, [a]);
    return { gradient };
  });
export async function largest(engine: Engine): Promise<number | undefined> {
  const [{ values }] = await eigendecompose(engine, [2, 2], [2, 1, 1, 2]);
  return values[0];
}
`,
  );
  requireCompiles(host, 'use.mts', { noUncheckedIndexedAccess: true, noEmit: false, declaration: true, outDir: 'out' });
});

test('the samples of README.md compile as strict TypeScript', () => {
  const host = hostWith('samples');
  const samples = [...readFileSync(`${root}README.md`, 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)];
  const files = samples.map(([, sample], i) => {
    const own = new Set([...sample.matchAll(/const (\w+) =/g)].map(([, name]) => name));
    const numbers = [
      'target',
      'coordinates',
      'values',
      'samples',
      'tests',
      'vector',
      'points',
      'matrix',
      'lastVectors',
    ];
    const given = [
      ...numbers.map(name => [name, 'Float32Array']),
      ['engine', "import('sepnn').Engine"],
      ['matrices', "import('sepnn').Tensor"],
      ['n', 'number'],
    ].flatMap(([name, type]) => (own.has(name) ? [] : [`declare const ${name}: ${type};\n`]));
    const file = `sample${i + 1}.mts`;
    writeFileSync(join(host, file), `${given.join('')}${sample}export {};\n`);
    return file;
  });
  require('samples', files.length > 0);
  requireCompiles(host, files);
});

/** With the strictest of checks, the package's own declarations among them. */
function requireCompiles(host: string, files: string | readonly string[], more: object = {}): void {
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, types: [] },
    ...{ lib: ['es2022', 'dom'], target: 'es2022', module: 'nodenext', ...more },
  };
  writeFileSync(join(host, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [files].flat() }));
  const { status, stdout } = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', host], {
    encoding: 'utf8',
  });
  requireEqual('compiler', [status, stdout], [0, '']);
}

test('a peer that is missing is named with how to install it: webgpu first, @sparticuz/chromium, sharp', () => {
  const host = hostWith('peers');
  writeFileSync(
    join(host, 'open.mjs'),
    `import { openEngine } from 'sepnn/node';
for (const adapter of ['auto', 'embedded']) await openEngine({ adapter }).catch(error => console.log(error.message));`,
  );
  const ranIn = (...args: string[]) => spawnSync(process.execPath, args, { cwd: host, encoding: 'utf8' });
  const without = ranIn('open.mjs').stdout.trim().split('\n');
  requireEqual('errors', without.length, 2);
  for (const line of without) {
    require(line, /^the package webgpu cannot be loaded \(Cannot find package .*\): npm install webgpu$/.test(line));
  }
  symlinkSync(`${root}node_modules/webgpu`, join(host, 'node_modules/webgpu'));
  writeFileSync(join(host, 'open.mjs'), readFileSync(join(host, 'open.mjs'), 'utf8').replace("'auto', ", ''));
  const [line] = ranIn('open.mjs').stdout.split('\n');
  const install = /Tried embedded: @sparticuz\/chromium is not installed: npm install @sparticuz\/chromium \(/;
  require(line, install.test(line));
  writeFileSync(join(host, 'photo.png'), 'some bytes');
  const { status, stderr } = ranIn('node_modules/sepnn/dist/cli.js', 'fit', 'photo.png');
  requireEqual('exit', status, 2);
  require(stderr, /^sepnn: images need the package sharp \(.*\): npm install sharp\n$/.test(stderr));
});
