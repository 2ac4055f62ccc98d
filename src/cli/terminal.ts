/** The two streams: results on stdout, everything else on stderr. */

import { isDeviceLost } from '../errors.js';
import { Table } from './vendor.js';

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Names of files may hold what a terminal would obey. */
export function warn(text: string): void {
  process.stderr.write(`sepnn: ${text.replace(/(?!\n)\p{Cc}/gu, ' ')}\n`);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({ head: [...head], style: { head: [], border: [] } });
  drawn.push(...rows.map(row => [...row]));
  return drawn.toString();
}

/** What an error says to who typed a command, and has no engines to open. */
export function messageOf(error: Error): string {
  if (!isDeviceLost(error)) return error.message;
  return `${error.message.slice(0, error.message.lastIndexOf(': '))}: run the command again`;
}
