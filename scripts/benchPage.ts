/**
 * Builds the benchmark page into dist/page, to be opened by hand, and runs it in headless Chromium.
 *
 *   npm run bench:page -- [--build] [--full] [--against tfjs,jax-js] [--only NAME,..] [--out FILE]
 */

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { tables } from '../bench/report.js';
import type { BenchResult } from '../bench/results.js';
import { postedBy } from './servedPage.js';
import { wordsOf } from './words.js';

const { values } = wordsOf({
  options: {
    build: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    against: { type: 'string', default: 'tfjs,jax-js' },
    only: { type: 'string' },
    out: { type: 'string', default: 'dist/page/bench.json' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}dist/page`;

await mkdir(folder, { recursive: true });
await copyFile(`${root}bench/page/index.html`, `${folder}/index.html`);
await build({
  entryPoints: { page: `${root}bench/page/main.ts` },
  bundle: true,
  // No module: a page opened from a file may load a script, and no module.
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  outdir: folder,
  logLevel: 'warning',
});
console.log('built dist/page/index.html');
if (!values.build) {
  const query = new URLSearchParams({ auto: '', against: values.against });
  if (!values.full) query.set('quick', '');
  if (values.only) query.set('only', values.only);
  const files = {
    '/': { type: 'text/html', text: await readFile(`${folder}/index.html`, 'utf8') },
    '/page.js': { type: 'text/javascript', text: await readFile(`${folder}/page.js`, 'utf8') },
  } as const;
  const { result, error } = JSON.parse(await postedBy(files, `?${query}`)) as { result?: BenchResult; error?: string };
  if (!result) throw new Error(error);
  await writeFile(values.out, JSON.stringify(result, null, 1));
  for (const text of tables(result)) console.log(text);
  console.log(`\nwritten: ${values.out}`);
}
