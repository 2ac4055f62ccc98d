/**
 * Every sample of README.md runs as it stands, at smaller sizes, and its commands are understood: whoever comes new begins
 * by copying one.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { sepnn } from './helpers/command.js';
import { require, requireEqual } from './helpers/compare.js';
import { suite } from './helpers/suite.js';

const test = suite('README.md');

/** What the samples take as given. */
const given = `
import { openEngine as open } from 'sepnn/node';
const adapter = process.env.SEPNN_TEST_ADAPTER ?? 'embedded';
const wave = count => Float32Array.from({ length: count }, (_, i) => Math.sin(i) / 2);
const target = wave(16 * 16), coordinates = wave(1500), values = wave(500), samples = wave(12 * 12), tests = wave(2000);
const vector = wave(256), points = wave(50), n = 32;
const matrix = Float32Array.from({ length: n * n }, (_, at) => (Math.floor(at / n) === at % n ? 1 + at : 0));
const lastVectors = Float32Array.from({ length: 10 * n }, (_, at) => (Math.floor(at / n) === at % n ? 1 : 0));
`;
/** Of those that do not open an engine themselves. */
const withEngine = `
const engine = await open({ adapter });
const matrices = engine.tensor([n, n], matrix);
`;

const text = readFileSync('README.md', 'utf8');
const samples = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, sample]) => sample);

test('README.md has samples', () => {
  requireEqual('samples', samples.length, 8);
});

samples.forEach((sample, i) => {
  test(`sample ${i + 1} of README.md`, async () => {
    const opens = sample.includes('await openEngine(');
    const smaller = sample
      .replace(/openEngine\([^)]*\)/g, 'openEngine({ adapter })')
      .replace(/advance\(\d+\)/g, 'advance(2)')
      .replace(/(?<=grid\(\[|grid\(\[\d+, )\d+/g, points => (points === '30' ? '12' : '16'))
      .replace(/(?<=width: |rank: )\d+/g, '12');
    const folder = 'dist/readme';
    mkdirSync(folder, { recursive: true });
    const path = `${folder}/sample${i + 1}.mjs`;
    writeFileSync(path, `${given}${opens ? '' : withEngine}${smaller}${opens ? '' : 'await engine.dispose();\n'}`);
    await import(pathToFileURL(path).href);
  });
});

const commands = [...text.matchAll(/^(?:npx )?sepnn (.+?)(?: +#.*)?$/gm)].map(([, words]) => words);

test('every option and value of the commands in README.md is one that the command takes', async () => {
  require(`${commands.length} commands`, commands.length > 15);
  for (const line of commands) {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
    const { code, stdout, stderr } = await sepnn(...words, '--help');
    requireEqual(line, [code, stderr], [0, '']);
    for (const option of words.filter(word => word.startsWith('--'))) {
      require(`${line}: ${option}`, new RegExp(`${option}[ ,\\n]`).test(stdout));
    }
  }
});

test('every picture of README.md is there', () => {
  const pictures = [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => path);
  require('pictures', pictures.length > 0);
  for (const path of pictures) require(path, existsSync(path));
});
