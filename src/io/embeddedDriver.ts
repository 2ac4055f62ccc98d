/**
 * The software Vulkan driver that npm carries: SwiftShader from `@sparticuz/chromium`, unpacked once into a cache
 * folder, verified before each use, and brought into memory before Dawn looks for a driver. Needs no root and nothing
 * of the system.
 */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { parseTar } from 'nanotar';
import type { EmbeddedDriver } from '../device/dawn.js';
import { RunError } from '../errors.js';
import { cacheFolder } from './cache.js';

const loaderFile = 'libvulkan.so.1';
const driverFile = 'vk_swiftshader_icd.json';
const manifestFile = 'manifest.json';

/** Sizes and SHA-256 of what was unpacked. */
type Manifest = Readonly<Record<string, string>>;

/** The variables by which the Vulkan loader is told which drivers to see. */
const driverVariables = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];

/** RTLD_NODELETE of Linux, which Node does not name: the loader stays although it is no addon of Node. */
const keepLoaded = 0x1000;

export function embeddedDriver(): EmbeddedDriver {
  let folder: Promise<string> | undefined;
  const unpacked = () => {
    folder ??= unpackedArchive('swiftshader');
    return folder;
  };
  return {
    async load() {
      const loader = join(await unpacked(), loaderFile);
      try {
        process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | keepLoaded);
      } catch (error) {
        // Node expects an addon and says so after the library is in memory; anything else is a failure.
        if (!/did not self-register/.test(String(error))) throw error;
      }
    },
    async alone(work) {
      const before = driverVariables.map(name => process.env[name]);
      const driver = join(await unpacked(), driverFile);
      for (const name of driverVariables) process.env[name] = driver;
      try {
        return await work();
      } finally {
        driverVariables.forEach((name, i) => {
          const value = before[i];
          if (value === undefined) delete process.env[name];
          else process.env[name] = value;
        });
      }
    },
  };
}

/** The folder of the package that carries the archives. @throws RunError if it is not installed. */
export function archiveFolder(): string {
  try {
    const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
    const root = entry.slice(0, entry.lastIndexOf('@sparticuz'));
    return join(root, '@sparticuz', 'chromium', 'bin');
  } catch {
    throw new RunError('@sparticuz/chromium is not installed');
  }
}

/**
 * The files of one archive of `@sparticuz/chromium`, unpacked into the cache folder.
 *
 * @returns the folder. @throws RunError where the platform is not the archives'.
 */
export async function unpackedArchive(name: string): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new RunError(
      `@sparticuz/chromium holds files for Linux on x64, and this is ${process.platform} on ${process.arch}`,
    );
  }
  const archive = join(archiveFolder(), `${name}.tar.br`);
  const folder = join(cacheFolder(), `${name}-${(await sha256(archive)).slice(0, 16)}`);
  if (await isWhole(folder)) return folder;
  const fresh = `${folder}.${randomUUID()}`;
  await mkdir(fresh, { recursive: true });
  try {
    await unpack(archive, fresh);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Another process may have been as fast.
    if (!(await isWhole(folder))) throw error;
  }
  return folder;
}

async function unpack(archive: string, folder: string): Promise<void> {
  const manifest: Record<string, string> = {};
  const tar = await promisify(brotliDecompress)(await readFile(archive));
  for (const { name, type, data, attrs } of parseTar(tar)) {
    const path = join(folder, name);
    if (type !== 'file' || !data || !path.startsWith(folder)) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data, { mode: Number.parseInt(attrs?.mode ?? '644', 8) });
    manifest[name] = createHash('sha256').update(data).digest('hex');
  }
  await writeFile(join(folder, manifestFile), JSON.stringify(manifest));
}

/** Whether every file of a folder is what was unpacked there. */
async function isWhole(folder: string): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, manifestFile), 'utf8')) as Manifest;
    const sums = await Promise.all(Object.keys(manifest).map(file => sha256(join(folder, file))));
    return sums.length > 0 && Object.values(manifest).every((sum, i) => sum === sums[i]);
  } catch {
    return false;
  }
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
