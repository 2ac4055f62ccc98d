/** Builds dist/: the kernels' texts into a module, the packages' entries bundled, their types. */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { build, type Plugin } from 'esbuild';
import { generateKernels } from './kernels.js';

const root = new URL('..', import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

/** Packages with files of their own beside their code: whoever runs sepnn in Node installs them. */
const beside = ['webgpu', '@sparticuz/chromium', 'sharp'];
/** Whoever benchmarks against them installs them. */
const peers = ['@tensorflow/*', '@jax-js/jax'];

const common = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning', outdir: `${root}dist` } as const;

/** src/cli/vendor.ts is bundled apart, with the `require` that its packages call. */
const vendorApart: Plugin = {
  name: 'vendor apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/vendor\.js$/ }, ({ importer }) =>
      importer.startsWith(`${root}src/cli/`) ? { path: './vendor.js', external: true } : undefined,
    );
  },
};

generateKernels();
rmSync(`${root}dist`, { recursive: true, force: true });
// Two entries of one package share their classes, so they are split, not bundled each for itself.
await build({
  ...common,
  entryPoints: {
    index: `${root}src/index.ts`,
    node: `${root}src/node.ts`,
    cli: `${root}src/cli/main.ts`,
    bench: `${root}bench/command.ts`,
  },
  chunkNames: '[name]-[hash]', // beside vendor.js, which some of them import
  define: { SEPNN_VERSION: JSON.stringify(version) },
  external: [...beside, ...peers],
  platform: 'node',
  plugins: [vendorApart],
  splitting: true,
});
await build({
  ...common,
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  entryPoints: { vendor: `${root}src/cli/vendor.ts` },
  platform: 'node',
});
execFileSync('node', [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.types.json`], {
  stdio: 'inherit',
});
