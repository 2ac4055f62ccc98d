/**
 * The software Vulkan driver that npm carries: SwiftShader from `@sparticuz/chromium`, unpacked once into a cache
 * folder, verified before each use, and brought into memory before Dawn looks for a driver. Needs no root and nothing
 * of the system.
 */

import { createHash, randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { parseTar } from 'nanotar';
import type { EmbeddedDriver } from '../device/dawn.js';
import { RunError } from '../errors.js';
import { cacheFolder, readOwn, unwritable } from './cache.js';

const loaderFile = 'libvulkan.so.1';
const driverFile = 'vk_swiftshader_icd.json';

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
        if (!/did not self-register/.test(String(error))) {
          const [reason] = (error as Error).message.split('\n');
          throw new RunError(`${reason}: set SEPNN_CACHE to a folder from which programs may be loaded`);
        }
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
    throw new RunError('@sparticuz/chromium is not installed: npm install @sparticuz/chromium (Linux on x64)');
  }
}

/**
 * The files of one archive of `@sparticuz/chromium`, unpacked into the cache folder and compared with the archive before
 * each use, so that nothing the folder says of itself is believed: the installed package alone says what is loaded.
 *
 * @returns the folder. @throws RunError where the platform is not the archives'. @throws InputError a cache folder that is not to be used.
 */
export async function unpackedArchive(name: string): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new RunError(
      `@sparticuz/chromium holds files for Linux on x64, and this is ${process.platform} on ${process.arch}`,
    );
  }
  const archive = await readFile(join(archiveFolder(), `${name}.tar.br`));
  const files = await filesOf(archive);
  const cache = await cacheFolder();
  const folder = join(cache, `${name}-${createHash('sha256').update(archive).digest('hex').slice(0, 16)}`);
  if (await holds(folder, files)) return folder;
  const fresh = `${folder}.${randomUUID()}`;
  try {
    await write(fresh, files);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true }).catch(() => {});
    // Another process may have been as fast.
    if (!(await holds(folder, files))) throw unwritable(cache, error);
  }
  return folder;
}

interface ArchivedFile {
  /** Relative to the folder into which it goes. */
  readonly path: string;
  readonly data: Uint8Array;
  /** Bits for the owner alone. */
  readonly mode: number;
}

async function filesOf(archive: Uint8Array): Promise<readonly ArchivedFile[]> {
  const tar = await promisify(brotliDecompress)(archive);
  return parseTar(tar).flatMap(({ name, type, data, attrs }) => {
    const path = normalize(name);
    const isInside = !isAbsolute(path) && !path.startsWith('..');
    if (type !== 'file' || !data || !isInside) return [];
    return [{ path, data, mode: Number.parseInt(attrs?.mode ?? '600', 8) & 0o700 }];
  });
}

async function write(folder: string, files: readonly ArchivedFile[]): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  for (const { path, data, mode } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), data, { mode, flag: 'wx' });
  }
}

/** Whether a folder holds the files as they are in the archive, and nothing else. */
async function holds(folder: string, files: readonly ArchivedFile[]): Promise<boolean> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const found = entries.filter(entry => !entry.isDirectory());
    if (!(await lstat(folder)).isDirectory() || found.length !== files.length) return false;
    const contents = await Promise.all(files.map(({ path }) => readOwn(join(folder, path))));
    return files.every(({ data }, i) => contents[i]?.equals(data));
  } catch {
    return false;
  }
}
