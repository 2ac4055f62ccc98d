/** The package's face for browsers: a bundle without anything of Node, and ten steps of training in headless Chromium. */

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { postedBy } from '../../scripts/servedPage.js';
import { require, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('browser');
const root = fileURLToPath(new URL('../..', import.meta.url));

const bundle = (entry: string) =>
  build({
    entryPoints: [`${root}${entry}`],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
  });

test('the built entry bundles for a browser, and nothing in it comes from Node or from another package', async () => {
  const { metafile, outputFiles } = await bundle('dist/index.js');
  const foreign = Object.keys(metafile.inputs).filter(path => !path.startsWith('dist/'));
  requireEqual('inputs from elsewhere', foreign, []);
  const external = Object.values(metafile.outputs).flatMap(output => output.imports.filter(one => one.external));
  requireEqual('imports left open', external, []);
  require('names Node', !/\bfrom\s*["']node:|require\(/.test(outputFiles[0].text));
});

test('ten steps of SepPGD train in headless Chromium on its own WebGPU', async () => {
  const [script] = (await bundle('test/helpers/page.ts')).outputFiles;
  const body = await postedBy({
    '/': { type: 'text/html', text: '<!doctype html><script type="module" src="/page.js"></script>' },
    '/page.js': { type: 'text/javascript', text: script.text },
  });
  const { result, error } = JSON.parse(body) as {
    result?: { losses: number[]; output: number; adapter: string };
    error?: string;
  };
  requireEqual('error', error, undefined);
  const losses = result?.losses ?? [];
  requireEqual('steps', losses.length, 10);
  require(`the loss fell from ${losses[0]} to ${losses[9]}`, losses[9] < losses[0]);
  requireEqual('output numbers', result?.output, 480);
}, 240);
