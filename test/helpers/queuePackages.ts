/** What `src/io/queue/packages.ts` writes down of bullmq and ioredis, held against their own types by the compiler alone. */

import type * as bullmq from 'bullmq';
import type * as ioredis from 'ioredis';
import type { Job, Queue, Redis, RedisOptions, Worker, WorkerOptions } from '../../src/io/queue/packages.js';

interface Data {
  readonly name: string;
}
interface Result {
  readonly loss: number;
}

type Fits<Given extends Wanted, Wanted> = Given;

export type Held = [
  Fits<bullmq.Job<Data, Result>, Job<Data, Result>>,
  Fits<bullmq.Queue<Data, Result>, Queue<Data, Result>>,
  Fits<bullmq.Worker<Data, Result>, Worker<Data, Result>>,
  Fits<Omit<WorkerOptions, 'connection'>, Partial<bullmq.WorkerOptions>>,
  Fits<ioredis.Redis, Redis>,
  Fits<RedisOptions, ioredis.RedisOptions>,
];
