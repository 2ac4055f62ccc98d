/** The package's face for browsers: a bundle without anything of Node, and ten steps of training in headless Chromium. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { openPage } from '../scripts/chromium.js';
import { require, requireEqual } from './helpers/compare.js';
import { suite } from './helpers/suite.js';

const test = suite('browser');
const root = new URL('..', import.meta.url).pathname;

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
  let settle: (text: string) => void = () => {};
  const posted = new Promise<string>(resolve => {
    settle = resolve;
  });
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = '';
      request.on('data', chunk => {
        body += chunk;
      });
      request.on('end', () => {
        response.end();
        settle(body);
      });
      return;
    }
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script.text : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  const browser = await openPage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  try {
    const body = await Promise.race([
      posted,
      browser.ended.then(output => Promise.reject(new Error(`Chromium ended: ${output.slice(-2000)}`))),
    ]);
    const { result, error } = JSON.parse(body) as {
      result?: { losses: number[]; output: number; adapter: string };
      error?: string;
    };
    requireEqual('error', error, undefined);
    const losses = result?.losses ?? [];
    requireEqual('steps', losses.length, 10);
    require(`the loss fell from ${losses[0]} to ${losses[9]}`, losses[9] < losses[0]);
    requireEqual('output numbers', result?.output, 480);
  } finally {
    await browser.close();
    server.close();
  }
}, 240);
