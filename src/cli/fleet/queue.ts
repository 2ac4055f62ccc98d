/** Images that a queue hands out to whoever runs the same command with it. */

import { basename, join, resolve } from 'node:path';
import { InputError } from '../../errors.js';
import { isRecord } from '../../host/checks.js';
import { type Counts, type Piece, type Taken, WorkQueue } from '../../io/queue/workQueue.js';
import { warn } from '../terminal.js';
import { decisiveOf, type FleetOptions } from './options.js';
import { digestOf, type FleetImage, type FleetRow, failedRow, isRow } from './results.js';
import type { Handed, Source, Standing } from './source.js';

/** What is told of an image to those who may have it in another place. */
export interface QueuedImage {
  readonly name: string;
  readonly bytes: number;
}

export type FleetQueue = WorkQueue<QueuedImage, FleetRow>;

/** A Redis that was there may be away for so long. */
const patienceSeconds = 60;
const millisecondsBetweenLooks = 500;

const otherVersion = 'was done by another version of sepnn: take the queue away by --clear, and run again';

/** Of the folder and of all that decides its results, so that the same command anywhere finds it. */
export function queueNameOf(folder: string, options: FleetOptions): string {
  return options.queueName ?? `sepnn-fleet-${digestOf([basename(resolve(folder)), decisiveOf(options)])}`;
}

/** @throws as `WorkQueue.open`. */
export function openQueue(folder: string, { queue: url = '', ...options }: FleetOptions): Promise<FleetQueue> {
  return WorkQueue.open<QueuedImage, FleetRow>({
    option: '--queue',
    url,
    name: queueNameOf(folder, options),
    lockSeconds: options.lock,
    patienceSeconds,
    note: warn,
  });
}

export interface QueuedImages {
  readonly queue: FleetQueue;
  readonly folder: string;
  /** Of this machine's folder, in the order in which they are to be fitted. */
  readonly images: readonly FleetImage[];
  readonly signal: AbortSignal;
  stands(standing: Standing): void;
}

/**
 * Fills the queue with what is not in it yet, and takes from it until nothing is left with anybody. What has been done
 * before goes there too: whoever takes it finds its file, and all are counted in one place.
 *
 * @throws InputError a queue of other images.
 */
export async function queuedImages(given: QueuedImages): Promise<Source> {
  const { queue, folder, images, signal, stands } = given;
  const byName = new Map(images.map(image => [image.name, image]));
  const pieces = images.map(pieceOf);
  await requireSameImages(queue, folder, byName);
  await queue.add(pieces);
  const start = await queue.counts();
  // A round of its own: whoever joins one that is under way takes what has failed in it as it is.
  if (start.waiting + start.underWay === 0 && start.failed > 0) await queue.retryFailed();

  const tell = async (): Promise<Counts> => {
    const counts = await queue.counts();
    const { waiting, underWay, done, failed } = counts;
    stands({ done, failed, all: waiting + underWay + done + failed });
    return counts;
  };
  await tell();
  return {
    async next() {
      while (!signal.aborted) {
        const taken = await queue.take();
        if (taken && !isQueued(taken.data)) {
          await taken.giveBack();
          throw otherThings();
        }
        if (taken) return handedOf(taken);
        const counts = await tell();
        if (counts.waiting + counts.underWay === 0) {
          if (counts.done + counts.failed >= pieces.length) return undefined;
          await queue.add(pieces); // a Redis that came back without what it held
        }
        await pause(millisecondsBetweenLooks, signal);
      }
      return undefined;
    },
    left: async ({ image }) =>
      (await queue.someWaiting()).filter(({ name }) => byName.get(name)?.size === image.size).length,
    async rows() {
      const rows = new Map<string, FleetRow>();
      for (const one of await queue.ended()) {
        if (!isQueued(one.data)) continue;
        const { name, bytes } = one.data;
        // Of an image that was changed, there may be a row of what it was before.
        if (rows.has(name) && byName.get(name)?.bytes !== bytes) continue;
        if ('failed' in one) rows.set(name, failedRow(name, one.failed));
        else rows.set(name, isRow(one.result) ? one.result : failedRow(name, otherVersion));
      }
      return [...rows.values()];
    },
  };

  function handedOf(taken: Taken<QueuedImage, FleetRow>): Handed {
    const { name, bytes } = taken.data;
    const image = byName.get(name) ?? { name, path: join(folder, name), bytes, modified: 0, key: '', size: '' };
    return {
      image,
      async end(row) {
        const counts = row.failed === '' ? await taken.complete(row) : await taken.fail(row.failed);
        await tell();
        return counts;
      },
    };
  }
}

function pieceOf({ name, bytes }: FleetImage): Piece<QueuedImage> {
  // An id is a text that is no number.
  return { id: `image-${digestOf([name, bytes])}`, data: { name, bytes } };
}

/** Whoever can write to the Redis could name any file else: names stay within the folder. */
function isQueued(data: unknown): data is QueuedImage {
  if (!isRecord(data) || typeof data.bytes !== 'number' || typeof data.name !== 'string') return false;
  return data.name.split(/[/\\]/).every(part => part !== '' && part !== '..');
}

function otherThings(): InputError {
  return new InputError('--queue: hands out something else than images of a folder: give another --queue-name');
}

async function requireSameImages(
  queue: FleetQueue,
  folder: string,
  own: ReadonlyMap<string, FleetImage>,
): Promise<void> {
  const waiting = await queue.someWaiting();
  if (!waiting.every(isQueued)) throw otherThings();
  if (waiting.length === 0 || waiting.some(({ name }) => own.has(name))) return;
  throw new InputError(
    `--queue: hands out other images, such as ${waiting[0].name}, than ${folder} has: give their folder, or --queue-name`,
  );
}

/** A signal ends it. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
