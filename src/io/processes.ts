/** What may still be at work on a file: the process that wrote its number on it. */

import { uptime } from 'node:os';

/** Between clocks: of a file system, of the machine's start, of this process. */
const slackMilliseconds = 2000;

/**
 * Whether the process that wrote a file is gone. Numbers are given again after a start of the machine, and in a container
 * to the next run's process: what is older than those is from before.
 *
 * @param pid that the file names. @param writtenAt in milliseconds since 1970.
 */
export function isFromBefore(pid: number, writtenAt: number): boolean {
  if (writtenAt < Date.now() - 1000 * uptime() - slackMilliseconds) return true;
  if (pid === process.pid) return writtenAt < performance.timeOrigin - slackMilliseconds;
  return !isRunning(pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // somebody else's
  }
}
