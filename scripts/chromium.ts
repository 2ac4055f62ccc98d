/** The headless Chromium that `@sparticuz/chromium` carries, unpacked into the cache folder and started on a page. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { archiveFolder, unpackedArchive } from '../src/io/embeddedDriver.js';

/** Chromium looks for its software Vulkan driver beside itself: both go into one folder. */
async function unpackedChromium(): Promise<string> {
  const driver = await unpackedArchive('swiftshader');
  const folder = driver.replace('swiftshader-', 'chromium-');
  const program = join(folder, 'chromium');
  if (existsSync(program)) return program;
  const fresh = await mkdtemp(`${folder}.`);
  await writeFile(
    join(fresh, 'chromium'),
    await promisify(brotliDecompress)(await readFile(join(archiveFolder(), 'chromium.br'))),
  );
  await chmod(join(fresh, 'chromium'), 0o755);
  for (const file of await readdir(driver)) await copyFile(join(driver, file), join(fresh, file));
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  return program;
}

export interface Browser {
  /** Settles when the process has ended, with the end of what it wrote. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

/** Opens a page in a browser with a profile of its own and WebGPU on its software driver. */
export async function openPage(url: string): Promise<Browser> {
  const program = await unpackedChromium();
  const libraries = join(await unpackedArchive('al2023'), 'lib');
  const profile = await mkdtemp(join(tmpdir(), 'sepnn-chromium-'));
  await mkdir(profile, { recursive: true });
  const flags = [
    '--headless',
    '--no-sandbox',
    '--no-first-run',
    '--no-zygote',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-gpu-watchdog',
    '--enable-unsafe-webgpu',
    '--enable-features=Vulkan,WebGPU',
    '--use-webgpu-adapter=swiftshader',
    `--user-data-dir=${profile}`,
  ];
  const process_ = spawn(program, [...flags, url], {
    env: { ...process.env, LD_LIBRARY_PATH: `${libraries}:${process.env.LD_LIBRARY_PATH ?? ''}`, HOME: profile },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = endOf(process_);
  return {
    ended,
    async close() {
      process_.kill('SIGKILL');
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function endOf(child: ChildProcess): Promise<string> {
  const kept: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      kept.push(String(chunk));
      if (kept.length > 50) kept.shift();
    });
  }
  return new Promise(resolve => {
    child.on('exit', () => resolve(kept.join('')));
    child.on('error', error => resolve(String(error)));
  });
}
