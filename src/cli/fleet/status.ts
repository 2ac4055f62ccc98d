/** `sepnn fleet --status`: how a queue stands, from any machine. */

import { addressOf } from '../../io/queue/address.js';
import { print, table } from '../terminal.js';
import type { FleetOptions } from './options.js';
import { type FleetQueue, queueNameOf } from './queue.js';

export interface FleetStatus {
  /** Without its password. */
  readonly queue: string;
  readonly name: string;
  readonly waiting: number;
  readonly underWay: number;
  readonly done: number;
  readonly failed: number;
  /** Images under way by the worker that has them. */
  readonly workers: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly name: string; readonly failed: string }[];
}

export async function printStatus(queue: FleetQueue, folder: string, options: FleetOptions): Promise<void> {
  const { shown } = addressOf('--queue', options.queue as string);
  const ended = await queue.ended();
  const status: FleetStatus = {
    queue: shown,
    name: queueNameOf(folder, options),
    ...(await queue.counts()),
    workers: await queue.workers(),
    failures: ended.flatMap(one => ('failed' in one ? [{ name: one.data.name, failed: one.failed }] : [])),
  };
  print(options.json ? JSON.stringify(status) : linesOf(status));
}

function linesOf({ queue, name, waiting, underWay, done, failed, workers, failures }: FleetStatus): string {
  const lines = [`${queue}, ${name}: ${done} done, ${failed} failed, ${underWay} under way, ${waiting} waiting`];
  const rows = Object.entries(workers).map(([worker, images]) => [worker, String(images)]);
  if (rows.length > 0) lines.push(table(['worker', 'images under way'], rows));
  return [...lines, ...failures.map(failure => `${failure.name}: ${failure.failed}`)].join('\n');
}
