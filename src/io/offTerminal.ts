/**
 * Keeps off a terminal what native code prints on stderr. Dawn has no switch for its warnings: it prints what a driver
 * lacks, though the next one is taken, and which limits it cuts, though nobody uses them.
 *
 * Node cannot duplicate a descriptor, only open a file again, and what is opened gets the lowest number that is free. So
 * stderr is another file for as long as one call takes. That is right for the command on a terminal of Linux, and nowhere
 * else: a terminal that is opened again is the same terminal, but a file would be written from its start, and a socket
 * cannot be opened; and no other thread may open anything meanwhile, which a library cannot know of its host.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import type { Hushed } from '../device/dawn.js';

const stderr = 2;
/** Without the second a terminal would come to control a process that has none. */
const asTerminal = constants.O_RDWR | constants.O_NOCTTY;
const asNew = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;

/** What the threads of Node's pool do with files. */
const fileWork = new Set(['FSReqCallback', 'FSReqPromise']);

/** Runs `work`, which must be done when it returns, and gives what it printed on stderr if that is kept off there. */
export function offTerminal<T>(work: () => T): Hushed<T> {
  const files = isAlone() ? openFiles() : undefined;
  if (!files) return { value: work(), said: '' };
  const { terminal, log } = files;
  try {
    putOnStderr(log, constants.O_RDWR);
    let value: T;
    try {
      value = work();
    } finally {
      putOnStderr(terminal, asTerminal);
    }
    return { value, said: readFileSync(pathOf(log), 'utf8') };
  } finally {
    for (const descriptor of [terminal, log]) closeSync(descriptor);
  }
}

/** Whether stderr is a terminal, and no thread opens files. */
function isAlone(): boolean {
  return (
    process.platform === 'linux' && isatty(stderr) && !process.getActiveResourcesInfo().some(one => fileWork.has(one))
  );
}

/** The terminal once more, and a file that nobody else sees; undefined where one cannot be opened, as another user's terminal. */
function openFiles(): { readonly terminal: number; readonly log: number } | undefined {
  let terminal: number | undefined;
  try {
    terminal = openSync(pathOf(stderr), asTerminal);
    const path = join(tmpdir(), `sepnn-${randomUUID()}.log`);
    const log = openSync(path, asNew, 0o600);
    unlinkSync(path);
    return { terminal, log };
  } catch {
    if (terminal !== undefined) closeSync(terminal);
    return undefined;
  }
}

function putOnStderr(descriptor: number, flags: number): void {
  closeSync(stderr);
  openSync(pathOf(descriptor), flags);
}

function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
