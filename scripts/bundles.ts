/** What is bundled into dist/, as esbuild's options. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BuildOptions, Plugin } from 'esbuild';

export const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

const common = {
  absWorkingDir: root,
  bundle: true,
  // Packages with files of their own beside their code: whoever runs sepnn in Node installs them.
  external: ['webgpu', '@sparticuz/chromium', 'sharp', 'bullmq', 'ioredis'],
  format: 'esm',
  logLevel: 'warning',
  metafile: true,
  outdir: `${root}dist`,
  platform: 'node',
  target: 'es2022',
} as const satisfies BuildOptions;

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

/** Two entries of one package share their classes, so they are split, not bundled each for itself. */
export const entries = {
  ...common,
  entryPoints: {
    index: `${root}src/public/index.ts`,
    node: `${root}src/public/node.ts`,
    ops: `${root}src/public/ops.ts`,
    ntk: `${root}src/public/ntk.ts`,
    pde: `${root}src/public/pde.ts`,
    cli: `${root}src/cli/main.ts`,
    bench: `${root}bench/command.ts`,
  },
  chunkNames: '[name]-[hash]', // beside vendor.js, which some of them import
  define: { SEPNN_VERSION: JSON.stringify(version) },
  plugins: [bundledApart],
  splitting: true,
} as const satisfies BuildOptions;

/** Packages that call `require`, which a module does not have. */
const withRequire = {
  ...common,
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
} as const satisfies BuildOptions;

export const vendor = {
  ...withRequire,
  entryPoints: { vendor: `${root}src/cli/vendor.ts` },
} as const satisfies BuildOptions;

/** They go by their modules, which only a bundler finds; they are for a checkout, and are not published. */
export const peers = {
  ...withRequire,
  entryPoints: { peers: `${root}bench/peers/open.ts` },
  mainFields: ['module', 'main'],
} as const satisfies BuildOptions;
