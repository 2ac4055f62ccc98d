/** What a disk does not take is kept in the system's folder for temporary files, so that it ends no training. */

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Rescue {
  #path: string | undefined;

  /** @param what is kept, in messages. */
  constructor(private readonly what: string) {}

  /** Where something was kept; undefined where all is where it should be. */
  get path(): string | undefined {
    return this.#path;
  }

  /** @returns where that of a step is, or why nowhere. */
  async keep(step: number, writeTo: (path: string) => Promise<void>): Promise<string> {
    const path = this.#path ?? join(tmpdir(), `sepnn-rescue-${randomUUID()}.safetensors`);
    try {
      await writeTo(path);
      this.#path = path;
      return `the ${this.what} of step ${step} is in ${path}`;
    } catch (error) {
      return `nor could the ${this.what} be saved elsewhere (${(error as Error).message})`;
    }
  }

  /** Once it is where it should be. */
  async drop(): Promise<void> {
    if (this.#path !== undefined) await rm(this.#path, { force: true });
    this.#path = undefined;
  }
}
