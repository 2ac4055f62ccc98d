/**
 * The packages that bring work to several machines, brought in where a queue is asked for and nowhere else. What is used of
 * them is written down here, so that who builds or checks the rest need not have them; test/helpers/queuePackages.ts holds it
 * against their own types.
 */

import { InputError } from '../../errors.js';

/** Of ioredis. */
export interface Redis {
  connect(): Promise<void>;
  disconnect(): void;
  on(event: 'error', heard: (error: Error) => void): unknown;
  on(event: 'close' | 'ready', heard: () => void): unknown;
}

export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls?: object;
  readonly lazyConnect: boolean;
  readonly connectTimeout: number;
  readonly maxRetriesPerRequest: null;
  /** Milliseconds to the next attempt; null gives up. */
  retryStrategy(times: number): number | null;
}

/** A job of BullMQ's, with what is told of it when it was read. */
export interface Job<Data, Result> {
  readonly id?: string;
  readonly data: Data;
  readonly returnvalue: Result;
  readonly failedReason?: string;
  /** Why it is to fail, of one that has brought down too many workers. */
  readonly deferredFailure?: string;
  /** The name of the worker that has or had it. */
  readonly processedBy?: string;
  extendLock(token: string, milliseconds: number): Promise<number>;
  moveToCompleted(result: Result, token: string, fetchNext: boolean): Promise<unknown>;
  moveToFailed(error: Error, token: string, fetchNext: boolean): Promise<unknown>;
  moveToWait(token: string): Promise<unknown>;
}

export type State = 'waiting' | 'active' | 'delayed' | 'prioritized' | 'completed' | 'failed';

export interface Queue<Data, Result> {
  addBulk(jobs: { name: string; data: Data; opts: { jobId: string } }[]): Promise<unknown>;
  getJobCounts(...states: State[]): Promise<Partial<Record<State, number>>>;
  getJobs(states: State[], start?: number, end?: number, ascending?: boolean): Promise<Job<Data, Result>[]>;
  retryJobs(options: { state: 'failed' }): Promise<void>;
  obliterate(options: { force: boolean }): Promise<void>;
  on(event: 'error', heard: (error: Error) => void): unknown;
  close(): Promise<void>;
}

export interface Worker<Data, Result> {
  getNextJob(token: string, options: { block: boolean }): Promise<Job<Data, Result> | undefined>;
  startStalledCheckTimer(): Promise<void>;
  on(event: 'error', heard: (error: Error) => void): unknown;
  close(force?: boolean): Promise<void>;
}

export interface WorkerOptions {
  readonly connection: Redis;
  readonly name: string;
  readonly lockDuration: number;
  readonly stalledInterval: number;
  readonly maxStalledCount: number;
}

export interface Packages {
  readonly Redis: new (options: RedisOptions) => Redis;
  readonly Queue: new <Data, Result>(name: string, options: { connection: Redis }) => Queue<Data, Result>;
  readonly Worker: new <Data, Result>(name: string, processor: null, options: WorkerOptions) => Worker<Data, Result>;
}

/** @throws InputError where they are not installed. */
export async function loadPackages(): Promise<Packages> {
  const [queues, redis] = ['bullmq', 'ioredis'];
  try {
    const [{ Queue, Worker }, { Redis }] = await Promise.all([import(queues), import(redis)]);
    return { Redis, Queue, Worker };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new InputError(`--queue needs the packages bullmq and ioredis (${reason}): npm install bullmq ioredis`);
  }
}
