/** Builds dist/: the kernels' texts into a module, the packages' entries bundled, their types. */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { generateKernels } from './kernels.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

/** Packages with files of their own beside their code: whoever runs sepnn in Node installs them. */
const external = ['webgpu', '@sparticuz/chromium', 'sharp'];

const common = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning', outdir: `${root}dist` } as const;

/** Modules that are bundled apart, each for a reason below: what imports them finds them beside itself. */
const apart: Readonly<Record<string, string>> = { 'vendor.js': './vendor.js', 'peers/open.js': './peers.js' };
const bundledApart: Plugin = {
  name: 'bundled apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.{1,2}\/(vendor|peers\/open)\.js$/ }, ({ path }) => ({
      path: apart[path.replace(/^\.{1,2}\//, '')],
      external: true,
    }));
  },
};

generateKernels();
rmSync(`${root}dist`, { recursive: true, force: true });
// Two entries of one package share their classes, so they are split, not bundled each for itself.
await build({
  ...common,
  entryPoints: {
    index: `${root}src/public/index.ts`,
    node: `${root}src/public/node.ts`,
    ops: `${root}src/public/ops.ts`,
    ntk: `${root}src/public/ntk.ts`,
    cli: `${root}src/cli/main.ts`,
    bench: `${root}bench/command.ts`,
  },
  chunkNames: '[name]-[hash]', // beside vendor.js, which some of them import
  define: { SEPNN_VERSION: JSON.stringify(version) },
  external,
  platform: 'node',
  plugins: [bundledApart],
  splitting: true,
});
// What esbuild imports for an order of evaluation that nothing here depends on: whoever bundles the package is warned of it.
for (const entry of ['index', 'node', 'ops', 'ntk']) {
  const path = `${root}dist/${entry}.js`;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^import "\.\/[^"]+";\n/gm, ''));
}
// Packages that call `require`, which a module does not have. The peers go by their modules, which only a bundler finds;
// they are for a checkout, and are not published.
await build({
  ...common,
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  entryPoints: { vendor: `${root}src/cli/vendor.ts`, peers: `${root}bench/peers/open.ts` },
  external,
  mainFields: ['module', 'main'],
  platform: 'node',
});
execFileSync('node', [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.types.json`], {
  stdio: 'inherit',
});
