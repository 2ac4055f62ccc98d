/** A connection to a Redis that may be away for a while, but not for ever. */

import { InputError, RunError } from '../../errors.js';
import type { Address } from './address.js';
import type { Packages, Redis } from './packages.js';

const mostMillisecondsToConnect = 5000;
const mostMillisecondsBetweenAttempts = 2000;
/** Of silence, after which it is told that a Redis does not answer; or half of the patience, where that is less. */
const tellingSilence = 5000;
/** In which silence is counted. */
const slices = 20;

export interface ConnectionOptions {
  /** As messages name what gave the address. */
  readonly option: string;
  readonly address: Address;
  /** How long one that was there may be away. */
  readonly patienceSeconds: number;
  /** Is told, a line each, that it went away and that it is back. */
  note(line: string): void;
}

export class Connection {
  readonly redis: Redis;
  #opened = false;
  #closed = false;
  #awaySince: number | undefined;
  /** Whether it does not answer, and whether it was given up for that. */
  #silent = false;
  #isMute = false;
  #reason = '';

  private constructor(
    packages: Packages,
    private readonly options: ConnectionOptions,
  ) {
    const { host, port, username, password, db, secure } = options.address;
    this.redis = new packages.Redis({
      host,
      port,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      db,
      ...(secure && { tls: {} }),
      lazyConnect: true,
      connectTimeout: mostMillisecondsToConnect,
      maxRetriesPerRequest: null,
      retryStrategy: times => this.#delayOf(times),
    });
    this.redis.on('error', error => {
      this.#reason = reasonOf(error);
    });
    this.redis.on('close', () => this.#left());
    this.redis.on('ready', () => this.#isBack());
  }

  /** @throws RunError one that does not answer. @throws InputError one that wants another password. */
  static async open(packages: Packages, options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(packages, options);
    try {
      await within(connection.redis.connect());
      connection.#opened = true;
      return connection;
    } catch (error) {
      connection.close();
      throw connection.#refusal(connection.#reason || reasonOf(error as Error));
    }
  }

  get #name(): string {
    return `${this.options.option} ${this.options.address.shown}`;
  }

  #refusal(reason: string): Error {
    if (/NOAUTH|WRONGPASS|invalid password|without any password/i.test(reason)) {
      return new InputError(
        `${this.#name}: refuses the password, or the want of one (${reason.split(' ')[0]}): give redis://user:password@host:port`,
      );
    }
    return new RunError(`${this.#name}: cannot be reached (${reason}): start it, or give the address of another`);
  }

  #delayOf(times: number): number | null {
    if (!this.#opened || this.#closed || this.#isLost) return null;
    return Math.min(100 * times, mostMillisecondsBetweenAttempts);
  }

  get #isLost(): boolean {
    const { patienceSeconds } = this.options;
    return this.#awaySince !== undefined && performance.now() - this.#awaySince > 1000 * patienceSeconds;
  }

  #left(): void {
    if (!this.#opened || this.#closed || this.#awaySince !== undefined) return;
    this.#awaySince = performance.now();
    this.options.note(`${this.#name}: went away: waits for it, ${this.options.patienceSeconds} s at the most`);
  }

  #isBack(): void {
    if (this.#awaySince !== undefined) this.options.note(`${this.#name}: is back`);
    this.#awaySince = undefined;
  }

  /**
   * Asks it something. One that is there and says nothing is waited for as one that is away: what it was asked it may still
   * do when it goes on, so that nothing is asked twice.
   *
   * @throws RunError once it was away, or silent, for too long.
   */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    const { patienceSeconds, note } = this.options;
    const patience = 1000 * patienceSeconds;
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<never>((_, reject) => {
      const slice = patience / slices;
      let waited = 0;
      // By slices, of which a process that was halted itself has missed all but one.
      timer = setInterval(() => {
        if (this.#awaySince !== undefined || this.#closed) return; // that is told otherwise
        waited += slice;
        if (!this.#silent && waited >= Math.min(tellingSilence, patience / 2)) {
          this.#silent = true;
          note(`${this.#name}: does not answer: waits for it, ${patienceSeconds} s at the most`);
        }
        if (waited < patience) return;
        this.#isMute = true;
        this.close();
        reject(new Error('silence'));
      }, slice);
    });
    try {
      const answer = await Promise.race([question(), silent]);
      if (this.#silent) note(`${this.#name}: answers again`);
      this.#silent = false;
      return answer;
    } catch (error) {
      if (this.#isMute) {
        throw new RunError(
          `${this.#name}: has not answered for ${patienceSeconds} s: wake it, and run the command again`,
        );
      }
      if (!this.#isLost) throw this.#isRefusal(error) ? this.#refused(error) : error;
      throw new RunError(
        `${this.#name}: was away for ${this.options.patienceSeconds} s (${this.#reason}): start it, and run the command again`,
      );
    } finally {
      clearInterval(timer);
    }
  }

  /** What the Redis itself answers: that its memory is full, that it only reads, that it is no master. */
  #isRefusal(error: unknown): error is Error {
    return (error as Error).name === 'ReplyError';
  }

  #refused({ message }: Error): Error {
    const reason = message.split('\n')[0].replace(/\.? script: .*$/, '');
    return new RunError(`${this.#name}: refuses (${reason}): mend it, or give the address of another`);
  }

  close(): void {
    this.#closed = true;
    this.redis.disconnect();
  }
}

/** What takes a connection may be no Redis, and never say a word. */
async function within(connected: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const say = () => reject(new Error(`no answer within ${mostMillisecondsToConnect / 1000} s`));
    timer = setTimeout(say, mostMillisecondsToConnect);
  });
  try {
    await Promise.race([connected, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Of several attempts, as to the addresses of one host, Node tells the first only within. */
function reasonOf(error: Error): string {
  const [first = error] = (error as AggregateError).errors ?? [];
  return String((first as Error).message || (first as NodeJS.ErrnoException).code).split('\n')[0];
}
