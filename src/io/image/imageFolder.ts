/** The images of a folder and of those in it. */

import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { InputError } from '../../errors.js';
import { reasonOf } from '../files.js';
import { loadSharp } from './sharp.js';

export interface ListedImage {
  /** Its path in the folder, with slashes. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** In milliseconds since 1970. */
  readonly modified: number;
}

const endings = ['.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff', '.gif', '.avif'];

/**
 * Files that go by an image's ending, ascending by their names; what begins with a dot is left alone.
 *
 * @param without a folder, or files, that the images are not to be looked for in: of results.
 * @param isOther tells a file that is no image to be listed by its path.
 * @throws InputError a folder that cannot be read, or that has no image.
 */
export async function listImages(
  folder: string,
  without: readonly string[],
  isOther: (path: string) => Promise<boolean> = async () => false,
): Promise<ListedImage[]> {
  const skipped = new Set(await Promise.all(without.map(resolved)));
  const found: ListedImage[] = [];
  const visit = async (inner: string): Promise<void> => {
    for (const entry of await readdir(join(folder, inner), { withFileTypes: true })) {
      const name = inner === '' ? entry.name : `${inner}/${entry.name}`;
      const path = join(folder, name);
      if (entry.name.startsWith('.') || skipped.has(await resolved(path))) continue;
      if (entry.isDirectory()) await visit(name);
      else if (endings.includes(extname(name).toLowerCase()) && !(await isOther(path))) {
        found.push(...(await listed(name, path, entry)));
      }
    }
  };
  try {
    await visit('');
  } catch (error) {
    throw new InputError(`folder ${folder}: cannot be read (${reasonOf(error)}): check the path`);
  }
  if (found.length > 0) return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  throw new InputError(`folder ${folder}: has no image: give one with files such as ${endings.join(', ')}`);
}

/** None of a file that is gone meanwhile; of a link that leads nowhere there is something to be told. */
async function listed(name: string, path: string, entry: Dirent): Promise<ListedImage[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return entry.isSymbolicLink() ? [{ name, path, bytes: 0, modified: 0 }] : [];
  return found.isFile() ? [{ name, path, bytes: found.size, modified: found.mtimeMs }] : [];
}

function resolved(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** Width and height, upright, by the file's header; undefined of what is no image. */
export async function sizeOfImage(path: string): Promise<{ width: number; height: number } | undefined> {
  const sharp = await loadSharp();
  try {
    return (await sharp(path, { limitInputPixels: false }).metadata()).autoOrient;
  } catch {
    return undefined;
  }
}
