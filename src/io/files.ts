/** Files written whole or not at all, and read with errors that a user can act on. */

import { randomUUID } from 'node:crypto';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError, isInputError, RunError } from '../errors.js';
import { isGone, markPattern, processMark } from './processes.js';

/**
 * Writes beside the target and renames, so that no half-written file is ever seen under its name.
 *
 * @throws RunError naming the file and why it cannot be written; what was there under its name is there still.
 */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  // On the disk before it is renamed: else a machine that loses power may keep the new name and nothing in it.
  await replaceWith(path, beside => writeFile(beside, data, { flush: true }));
}

/** Puts bytes into a file that is being written, the first at `position`. */
export type WriteAt = (position: number, bytes: Uint8Array) => Promise<void>;

/** The same for what is not in memory at once: `work` writes it piece by piece. */
export async function writeWholeWith(path: string, work: (write: WriteAt) => Promise<void>): Promise<void> {
  await replaceWith(path, async beside => {
    const file = await open(beside, 'w');
    try {
      await work(async (position, bytes) => {
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
        }
      });
    } finally {
      await file.close();
    }
  });
}

const mostOfName = 40;

/** Where a file is written until it is whole: a name by which `clearParts` knows what it may take away. A name as long as a system allows has room for no more. */
export function partOf(path: string): string {
  return join(dirname(path), `${basename(path).slice(0, mostOfName)}.${processMark()}.${randomUUID()}.part`);
}

const partPattern = new RegExp(`\\.(${markPattern})\\.[0-9a-f-]{36}\\.part$`);

async function replaceWith(path: string, write: (beside: string) => Promise<void>): Promise<void> {
  const beside = partOf(path);
  const takeAway = () => rmSync(beside, { force: true });
  process.prependOnceListener('exit', takeAway); // a signal may end the process at once, and its folder may go then
  try {
    await write(beside);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {}); // the first error says why
    throw isOfSystem(error) ? new RunError(`${path}: cannot be written (${reasonOf(error)})`) : error;
  } finally {
    process.off('exit', takeAway);
  }
}

/** Takes away what processes that were killed had begun to write into a folder. */
export async function clearParts(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const mark = partPattern.exec(entry.name)?.[1];
    if (mark !== undefined && entry.isFile() && isGone(mark)) await rm(join(folder, entry.name), { force: true });
  }
}

/**
 * A folder that can be written to, made if it is not there.
 *
 * @param made those that were not there are added to it, from above. @throws InputError naming it and why it cannot.
 */
export async function requireWritableFolder(option: string, path: string, made: string[]): Promise<void> {
  try {
    await makeFolder(path, made);
    // A read-only file system, or a root that may do everything, is found out only by writing. At once: a signal in
    // between would leave the file.
    const probe = partOf(join(path, 'probe'));
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new InputError(`${option} ${path}: cannot be written (${reasonOf(error)}): give a folder that can`);
  }
}

/** Takes away folders as far as nothing is in them. @param made from above, as `makeFolder` tells them. */
export function removeEmpty(made: readonly string[]): void {
  try {
    for (const folder of made.toReversed()) rmdirSync(folder);
  } catch {} // one with something in it
}

/** @throws InputError a folder, where a file is to be written. */
export async function requireNoFolder(option: string, path: string): Promise<void> {
  if (!(await isFolder(path))) return;
  throw new InputError(`${option} ${path}: is a folder: give the name of a file`);
}

/**
 * Makes a folder and those above it. Node's own recursive way never ends where a file system refuses, as /proc does.
 *
 * @param made those that were not there are added to it, from above.
 */
export async function makeFolder(path: string, made: string[] = []): Promise<void> {
  if (await isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) await makeFolder(above, made);
  try {
    mkdirSync(path); // at once with what is noted of it: a signal in between would leave it
    made.push(path);
  } catch (error) {
    if (!(await isFolder(path))) throw error; // else another was first
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** A file's bytes. @throws InputError naming the file and why it cannot be read. */
export async function readBytes(what: string, path: string, mostBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const found = await stat(path);
    const { size } = found;
    if (!found.isFile() && !found.isDirectory()) {
      throw new InputError(`${what} ${path}: is a pipe or a device: write it to a file first`);
    }
    if (size === 0 && found.isFile())
      throw new InputError(`${what} ${path}: is empty: give a file with something in it`);
    if (size > mostBytes) {
      throw new InputError(`${what} ${path}: has ${size} bytes, and at most ${mostBytes} are read`);
    }
    return await readPieces(path, size);
  } catch (error) {
    if (isInputError(error)) throw error;
    throw new InputError(`${what} ${path}: cannot be read (${reasonOf(error)}): check the path`);
  }
}

const mostBytesAtOnce = 2 ** 30;

/** Into one array, piece by piece: Node reads no file above 2 GiB at once. */
async function readPieces(path: string, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(mostBytesAtOnce, size - at), at);
      if (bytesRead === 0) throw new Error(`it ends after ${at} of ${size} bytes`);
      at += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** Whether an error is the system's own, such as one of files. */
function isOfSystem(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException | undefined)?.syscall === 'string';
}

/** Why the system refused, in words where they are known. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is no folder',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the quota of the disk is used up',
    EEXIST: 'a file of that name is in the way',
    ENAMETOOLONG: 'the name is too long',
    EFBIG: 'no file may be as large here: see ulimit -f',
    EMFILE: 'too many files are open: see ulimit -n',
  };
  return (code && known[code]) ?? message;
}
