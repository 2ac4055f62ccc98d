/** What may still be at work on a file: the process whose mark stands on it. */

import { readFileSync } from 'node:fs';

/** A mark within a name or a text. */
export const markPattern = '\\d+(?:-\\d+)?';

/**
 * This process as no other is called: its number and, where the system tells it as Linux does, when it began, in ticks
 * that nobody sets. Numbers are given again after a start of the machine, and in a container to the next run's process.
 */
export function processMark(): string {
  const { began } = statusOf(process.pid) ?? {};
  return began === undefined ? `${process.pid}` : `${process.pid}-${began}`;
}

/** Whether the process of a mark is gone. */
export function isGone(mark: string): boolean {
  const [pid, began] = mark.split('-');
  if (!isRunning(Number(pid))) return true;
  const status = statusOf(Number(pid));
  if (status === undefined) return false;
  return status.isDead || (began !== undefined && status.began !== began);
}

/** What proc(5) says in fields 3 and 22 of `stat`, where there is one; a process that nobody has waited for is dead. */
function statusOf(pid: number): { readonly isDead: boolean; readonly began: string | undefined } | undefined {
  try {
    // The second field is the command's name, which may have brackets and spaces in it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return { isDead: 'ZX'.includes(fields[0]), began: fields[19] };
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // somebody else's
  }
}
