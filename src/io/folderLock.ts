/** A folder that one run at a time writes into: a file in it names the process, and is taken away at the end. */

import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, RunError } from '../errors.js';
import { reasonOf } from './files.js';
import { isGone, markPattern, processMark } from './processes.js';

const lockName = '.sepnn.lock';
/** Between the moments at which a lock is made and at which it names its process, at the most. */
const unnamedMilliseconds = 1000;
const marked = new RegExp(`^${markPattern}$`);

/**
 * Takes a folder for this process; a lock whose process is gone counts for nothing. All of it at once and not in turns,
 * as it must be undone where a process ends at once.
 *
 * @returns gives the folder free.
 * @throws InputError one that another run writes into, or a lock that cannot be read or taken away. @throws RunError one that cannot be written.
 */
export function lockFolder(option: string, folder: string): () => void {
  const path = join(folder, lockName);
  for (;;) {
    try {
      const file = openSync(path, 'wx');
      try {
        writeSync(file, `${processMark()}\n`);
      } catch (error) {
        rmSync(path, { force: true });
        throw error;
      } finally {
        closeSync(file);
      }
      return () => giveFree(path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw new RunError(`${path}: cannot be written (${reasonOf(error)})`);
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
    if (readFileSync(path, 'utf8').trim() === processMark()) rmSync(path, { force: true });
  } catch {} // the folder is gone, or is no folder any more
}

/** The number of the process that holds a lock; undefined where none does. @throws InputError a lock that is a folder, or that may not be read. */
function holderOf(path: string): string | undefined {
  let text = textOf(path);
  if (text === '') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, unnamedMilliseconds);
    text = textOf(path);
  }
  return text === undefined || !marked.test(text) || isGone(text) ? undefined : text.split('-')[0];
}

/** Undefined where it is gone. */
function textOf(path: string): string | undefined {
  return unlessGone(path, 'read', () => readFileSync(path, 'utf8').trim());
}

function unlessGone<T>(path: string, done: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined; // another was first
    throw new InputError(`${path}: cannot be ${done} (${reasonOf(error)}): take it away, or give another folder`);
  }
}

/** Of two that find the same stale lock, one takes it away, and neither the other's new one. */
function takeAway(path: string): void {
  const aside = `${path}.${process.pid}`;
  unlessGone(path, 'taken away', () => {
    renameSync(path, aside);
    if (holderOf(aside) === undefined) rmSync(aside, { force: true });
    else renameSync(aside, path);
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
