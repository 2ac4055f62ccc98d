/** Calls of one object that take their turns. */

import { InputError } from '../errors.js';

export class CallQueue {
  #open = 0;
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;
  #asks = false;

  /** @param what whose calls they are, for errors. */
  constructor(readonly what: string) {}

  /** Whether no call is under way. */
  get idle(): boolean {
    return this.#open === 0;
  }

  /**
   * Does `work` when every call before it has ended, whatever became of them: at once where there is none.
   *
   * @throws InputError once `end` was called, or from a host's function that a call waits for.
   */
  add<T>(work: () => Promise<T> | T): Promise<T> {
    if (this.#asks) return Promise.reject(new InputError(`the ${this.what} waits for the function that calls it`));
    const run = async () => {
      try {
        this.requireAlive();
        return await work();
      } catch (error) {
        this.requireAlive(); // that it was disposed of meanwhile is the cause
        throw error;
      } finally {
        this.#open--;
      }
    };
    const result = this.#open++ === 0 ? run() : this.#last.then(run);
    this.#last = result.catch(() => {});
    return result;
  }

  /** What a host's function gives. A call of its own would wait for it and it for the call: up to its first `await` that is told. */
  ask<T>(host: () => T): T {
    this.#asks = true;
    try {
      return host();
    } finally {
      this.#asks = false;
    }
  }

  /** From now on every call is an error. */
  end(): void {
    this.#ended = true;
  }

  /** @throws InputError once `end` was called. */
  requireAlive(): void {
    if (this.#ended) throw new InputError(`the ${this.what} has been disposed of: create another`);
  }
}
