/** Jobs pulled one at a time from whoever gives them, who may take as long as he likes. */

import { InputError } from '../../errors.js';
import { shown } from '../../host/checks.js';
import type { FleetJob, FleetJobs } from './fleetOptions.js';

export class JobSource {
  readonly #iterator: Iterator<FleetJob> | AsyncIterator<FleetJob>;
  /** A job that was asked for and has not been taken. */
  #asked: Promise<IteratorResult<FleetJob>> | undefined;
  #ended = false;
  readonly #ids = new Set<string>();
  /** Ends the wait that is under way. */
  #wake = () => {};

  /** @param signal ends every wait. */
  constructor(
    jobs: FleetJobs,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#iterator = Symbol.asyncIterator in jobs ? jobs[Symbol.asyncIterator]() : jobs[Symbol.iterator]();
  }

  /**
   * The next job, or nothing where there is none, or none in time.
   *
   * @param patience milliseconds; what is asked for and not there yet is given by a later call.
   */
  async next(patience: number): Promise<FleetJob | undefined> {
    if (this.#ended) return undefined;
    this.#asked ??= Promise.resolve(this.#iterator.next());
    const found = await this.#within(this.#asked, patience);
    if (!found) return undefined;
    this.#asked = undefined;
    if (!found.done) return found.value;
    this.#ended = true;
    return undefined;
  }

  /** Notes the id of a job. @throws InputError one that a job before it has. */
  requireNew(id: string): void {
    if (this.#ids.has(id)) throw new InputError(`job ${shown(id)}: another of this run has that id: give each its own`);
    this.#ids.add(id);
  }

  /** Ends a wait, and lets whoever gives the jobs know that no more are taken. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake();
    // It may wait for the job that was asked for last, which nobody wants any more.
    this.#asked?.catch(() => {});
    try {
      Promise.resolve(this.#iterator.return?.()).catch(() => {});
    } catch {
      // What it has against its end concerns nobody here.
    }
  }

  async #within<T>(promise: Promise<T>, patience: number): Promise<T | undefined> {
    const { signal } = this;
    if (signal?.aborted) return undefined;
    let stop = () => {};
    const late = new Promise<undefined>(resolve => {
      const timer = Number.isFinite(patience) ? setTimeout(resolve, patience, undefined) : undefined;
      this.#wake = () => resolve(undefined);
      signal?.addEventListener('abort', this.#wake);
      stop = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', this.#wake);
      };
    });
    try {
      return await Promise.race([promise, late]);
    } catch (error) {
      this.#ended = true; // a generator that has thrown gives no more
      throw error;
    } finally {
      stop();
    }
  }
}
