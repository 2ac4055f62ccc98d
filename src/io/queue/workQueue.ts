/**
 * Work that processes on any number of machines share by a Redis: each piece is with one of them at a time, and comes back
 * from one that is not heard of any more.
 */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { RunError } from '../../errors.js';
import { addressOf } from './address.js';
import { Connection } from './connection.js';
import { type Job, loadPackages, type Queue, type Worker } from './packages.js';

/** Workers that a piece of work may bring down before it counts as failed. */
const mostFallen = 5;
/** Pieces that are added, or asked for, at once. */
const portion = 1000;
/** Of what waits: more than anybody takes at once. */
const mostShown = 500;

export interface WorkQueueOptions {
  /** As messages name what gave the address. */
  readonly option: string;
  readonly url: string;
  readonly name: string;
  /** Seconds without a word after which a worker has died. */
  readonly lockSeconds: number;
  /** How long a Redis that was there may be away. */
  readonly patienceSeconds: number;
  /** Is told of what goes wrong and mends itself. */
  note(line: string): void;
}

/** A piece of work, told from others by its id. */
export interface Piece<Data> {
  readonly id: string;
  readonly data: Data;
}

export interface Counts {
  readonly waiting: number;
  readonly underWay: number;
  readonly done: number;
  readonly failed: number;
}

/** A piece of work that ended. */
export type Ended<Data, Result> =
  | { readonly data: Data; readonly result: Result }
  | { readonly data: Data; readonly failed: string };

/** A piece of work that is with this process. */
export interface Taken<Data, Result> {
  readonly data: Data;
  /** @returns whether it was still with this process: else another has it by now, or has done it. */
  complete(result: Result): Promise<boolean>;
  fail(reason: string): Promise<boolean>;
  /** For others to take. */
  giveBack(): Promise<void>;
}

export class WorkQueue<Data, Result> {
  readonly #held = new Set<Held<Data, Result>>();
  #renewal: NodeJS.Timeout | undefined;

  private constructor(
    private readonly connection: Connection,
    private readonly queue: Queue<Data, Result>,
    private readonly worker: Worker<Data, Result>,
    private readonly lockMilliseconds: number,
  ) {}

  /**
   * @throws InputError an address that is none, a password that is refused, packages that are not installed.
   * @throws RunError a Redis that does not answer.
   */
  static async open<Data, Result>(options: WorkQueueOptions): Promise<WorkQueue<Data, Result>> {
    const { option, url, name, lockSeconds, patienceSeconds, note } = options;
    const address = addressOf(option, url);
    const packages = await loadPackages();
    const connection = await Connection.open(packages, { option, address, patienceSeconds, note });
    const { redis } = connection;
    const lockDuration = Math.ceil(1000 * lockSeconds);
    const queue = new packages.Queue<Data, Result>(name, { connection: redis });
    const worker = new packages.Worker<Data, Result>(name, null, {
      connection: redis,
      name: `${hostname()}, process ${process.pid}`,
      lockDuration,
      stalledInterval: lockDuration,
      maxStalledCount: mostFallen,
    });
    // Whoever asks is told; what the connection says by itself, the connection hears.
    for (const emitter of [queue, worker]) emitter.on('error', () => {});
    return new WorkQueue(connection, queue, worker, lockDuration);
  }

  /** Adds what is not there yet: of an id that is, whatever became of it, nothing is added. */
  async add(pieces: readonly Piece<Data>[]): Promise<void> {
    for (let from = 0; from < pieces.length; from += portion) {
      const jobs = pieces.slice(from, from + portion).map(({ id, data }) => ({ name: id, data, opts: { jobId: id } }));
      await this.#ask(() => this.queue.addBulk(jobs));
    }
  }

  async counts(): Promise<Counts> {
    const counted = await this.#ask(() =>
      this.queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'),
    );
    const { waiting = 0, active = 0, delayed = 0, prioritized = 0, completed = 0, failed = 0 } = counted;
    return { waiting: waiting + delayed + prioritized, underWay: active, done: completed, failed };
  }

  /** Of what nobody has taken yet, that which is taken next. */
  async someWaiting(): Promise<Data[]> {
    const jobs = await this.#ask(() => this.queue.getJobs(['waiting'], 0, mostShown - 1, true));
    return jobs.map(({ data }) => data);
  }

  /** All that ended, well or not. */
  async ended(): Promise<Ended<Data, Result>[]> {
    const read = async (state: 'completed' | 'failed') => {
      const found: Ended<Data, Result>[] = [];
      for (let from = 0; ; from += portion) {
        const jobs = await this.#ask(() => this.queue.getJobs([state], from, from + portion - 1));
        if (jobs.length === 0) return found;
        for (const { data, returnvalue: result, failedReason: failed = 'unknown' } of jobs) {
          found.push(state === 'completed' ? { data, result } : { data, failed });
        }
      }
    };
    return [...(await read('completed')), ...(await read('failed'))];
  }

  /** What is under way, by the names of those who have it. */
  async workers(): Promise<Readonly<Record<string, number>>> {
    const jobs = await this.#ask(() => this.queue.getJobs(['active']));
    const counts: Record<string, number> = {};
    for (const { processedBy = 'unknown' } of jobs) counts[processedBy] = (counts[processedBy] ?? 0) + 1;
    return counts;
  }

  /** What has failed waits again. */
  async retryFailed(): Promise<void> {
    await this.#ask(() => this.queue.retryJobs({ state: 'failed' }));
  }

  /** Takes all of it away, whatever became of it. */
  async clear(): Promise<void> {
    await this.#ask(() => this.queue.obliterate({ force: true }));
  }

  /** The next piece, which stays with this process for as long as it lives; undefined where none waits. */
  async take(): Promise<Taken<Data, Result> | undefined> {
    if (!this.#renewal) {
      await this.#ask(() => this.worker.startStalledCheckTimer());
      this.#renewal = setInterval(() => this.#renew(), this.lockMilliseconds / 3);
    }
    for (;;) {
      const token = randomUUID();
      const job = await this.#ask(() => this.worker.getNextJob(token, { block: false }));
      if (!job) return undefined;
      const held = new Held(this.connection, job, token, () => this.#held.delete(held));
      if (job.deferredFailure === undefined) {
        this.#held.add(held);
        return held;
      }
      await held.fail(`brought down ${mostFallen} workers`);
    }
  }

  /** A lock that cannot be renewed is found out at the end. */
  #renew(): void {
    for (const held of this.#held) held.renew(this.lockMilliseconds).catch(() => {});
  }

  /** Gives back what is still with this process, if the Redis answers. */
  async close(): Promise<void> {
    clearInterval(this.#renewal);
    try {
      for (const held of [...this.#held]) await held.giveBack();
      await this.worker.close(true);
      await this.queue.close();
    } catch {
      // What is not given back comes back by itself.
    } finally {
      this.connection.close();
    }
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    return this.connection.ask(question);
  }
}

class Held<Data, Result> implements Taken<Data, Result> {
  constructor(
    private readonly connection: Connection,
    private readonly job: Job<Data, Result>,
    private readonly token: string,
    private readonly letGo: () => void,
  ) {}

  get data(): Data {
    return this.job.data;
  }

  complete(result: Result): Promise<boolean> {
    return this.#end(() => this.job.moveToCompleted(result, this.token, false));
  }

  fail(reason: string): Promise<boolean> {
    return this.#end(() => this.job.moveToFailed(new RunError(reason), this.token, false));
  }

  async giveBack(): Promise<void> {
    await this.#end(() => this.job.moveToWait(this.token));
  }

  async renew(milliseconds: number): Promise<void> {
    await this.job.extendLock(this.token, milliseconds);
  }

  async #end(move: () => Promise<unknown>): Promise<boolean> {
    this.letGo();
    try {
      await this.connection.ask(move);
      return true;
    } catch (error) {
      // The library's numbers for a piece that is gone, or is with another.
      if (typeof (error as { code?: unknown }).code === 'number') return false;
      throw error;
    }
  }
}
