/** The engine in Deno: another implementation of WebGPU (wgpu) with another compiler (naga), on the embedded driver. */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { unpackedArchive } from '../../src/io/embeddedDriver.js';
import { requireEqual } from '../helpers/compare.js';
import type { DenoResult } from '../helpers/denoRun.js';
import { requireGolden } from '../helpers/golden.js';
import { suite } from '../helpers/suite.js';

const test = suite('deno');
const root = fileURLToPath(new URL('../..', import.meta.url));
/** The first of the cases. */
const asOnGpu = 'cp_d2_sin.json';
const cases = readdirSync(`${root}test/golden`)
  .filter(name => name.endsWith('.json'))
  .sort((a, b) => Number(b === asOnGpu) - Number(a === asOnGpu))
  .map(name => `${root}test/golden/${name}`);

async function runInDeno(): Promise<DenoResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sepnn-deno-'));
  const script = join(folder, 'run.js');
  await build({ entryPoints: [`${root}test/helpers/denoRun.ts`], bundle: true, format: 'esm', outfile: script });
  const driver = await unpackedArchive('swiftshader');
  const icd = join(driver, 'vk_swiftshader_icd.json');
  const program = `${root}node_modules/deno/bin.cjs`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, 'run', '--unstable-webgpu', '--allow-read', '--no-config', script, ...cases],
    {
      env: {
        ...process.env,
        DENO_DIR: folder,
        DENO_NO_UPDATE_CHECK: '1',
        LD_LIBRARY_PATH: `${driver}:${process.env.LD_LIBRARY_PATH ?? ''}`,
        VK_DRIVER_FILES: icd,
        VK_ICD_FILENAMES: icd,
      },
      maxBuffer: 1 << 24,
    },
  ).finally(() => rm(folder, { recursive: true, force: true }));
  return JSON.parse(stdout) as DenoResult;
}

const result = runInDeno();

test('naga accepts every kernel on every schedule that wgpu can run', async () => {
  requireEqual('refused', (await result).refused, []);
}, 240);

test('every golden case comes out of wgpu within its tolerances', async () => {
  const { cases: found } = await result;
  requireEqual('cases', found.length, cases.length);
  cases.forEach((path, i) => {
    requireGolden(JSON.parse(readFileSync(path, 'utf8')), found[i]);
  });
}, 240);

// One alone: the driver takes seconds for each text with memory of a workgroup (bench/NOTES.md), minutes for all cases.
test('a golden case comes out of wgpu as on a GPU', async () => {
  requireGolden(JSON.parse(readFileSync(cases[0], 'utf8')), (await result).firstAsOnGpu);
}, 240);
