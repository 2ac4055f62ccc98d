/** A folder that one run at a time writes into: a file in it names the process, and is taken away at the end. */

import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, RunError } from '../errors.js';
import { reasonOf } from './files.js';
import { isFromBefore } from './processes.js';

const lockName = '.sepnn.lock';
/** Between the moments at which a lock is made and at which it names its process. */
const unnamedMilliseconds = 5000;

/**
 * Takes a folder for this process; a lock whose process is gone counts for nothing. All of it at once and not in turns,
 * as it must be undone where a process ends at once.
 *
 * @returns gives the folder free.
 * @throws InputError one that another run writes into. @throws RunError a lock that cannot be written.
 */
export function lockFolder(option: string, folder: string): () => void {
  const path = join(folder, lockName);
  for (;;) {
    try {
      const file = openSync(path, 'wx');
      try {
        writeSync(file, `${process.pid}\n`);
      } catch (error) {
        rmSync(path, { force: true });
        throw error;
      } finally {
        closeSync(file);
      }
      return () => giveFree(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new RunError(`${path}: cannot be written (${reasonOf(error)})`);
      }
    }
    const holder = holderOf(path);
    if (holder !== undefined) {
      throw new InputError(
        `${option} ${folder}: process ${holder} writes there: wait for it or give another folder (if it is no sepnn, take ${path} away)`,
      );
    }
    takeAway(path);
  }
}

/** Whether the run that wrote into a folder last was killed before its end, or is under way. */
export function isUnfinished(folder: string): boolean {
  return existsSync(join(folder, lockName));
}

/** Throws nothing, as what ended the run says more; and where the folder was made anew, the lock there is another's. */
function giveFree(path: string): void {
  try {
    if (Number(readFileSync(path, 'utf8')) === process.pid) rmSync(path, { force: true });
  } catch {} // the folder is gone, or is no folder any more
}

/** The process that holds a lock; undefined where none does. */
function holderOf(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    const { mtimeMs } = statSync(path);
    if (!/^\d+$/.test(text)) return Date.now() - mtimeMs > unnamedMilliseconds ? undefined : 'of another run';
    return isFromBefore(Number(text), mtimeMs) ? undefined : text;
  } catch {
    return undefined; // gone meanwhile
  }
}

/** Of two that find the same stale lock, one takes it away, and neither the other's new one. */
function takeAway(path: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // another was first
  }
  if (holderOf(aside) === undefined) rmSync(aside, { force: true });
  else renameSync(aside, path);
}
