/** Builds dist/: the kernels' texts into a module, the packages' entries bundled, their licences, their types. */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { entries, peers, root, vendor } from './bundles.js';
import { generateKernels } from './kernels.js';
import { noticesOf, packagesInside } from './notices.js';

generateKernels();
rmSync(`${root}dist`, { recursive: true, force: true });
const published = [await build(entries), await build(vendor)];
await build(peers);
// What esbuild imports for an order of evaluation that nothing here depends on: whoever bundles the package is warned of it.
for (const entry of ['index', 'node', 'ops', 'ntk', 'pde']) {
  const path = `${root}dist/${entry}.js`;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^import "\.\/[^"]+";\n/gm, ''));
}
try {
  const folders = published.flatMap(({ metafile }) => packagesInside(metafile)).map(folder => `${root}${folder}`);
  writeFileSync(`${root}dist/THIRD-PARTY-NOTICES`, noticesOf(folders.sort()));
} catch (error) {
  console.error(`build: ${(error as Error).message}`);
  process.exit(1);
}
execFileSync('node', [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.types.json`], {
  stdio: 'inherit',
});
