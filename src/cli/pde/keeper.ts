/** The file of one run: where a disk does not take it, the state lies in the system's folder for temporary files. */

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SavedProblem, writeProblemFile } from '../../io/model/problemFile.js';
import { warn } from '../terminal.js';

export class ProblemKeeper {
  #file: string | undefined;
  #rescue: string | undefined;
  #unwritten: string | undefined;

  /** @param resumed the file that the run goes on from. */
  constructor(
    private readonly path: string,
    resumed: string | undefined,
  ) {
    this.#file = resumed;
  }

  /** That which has what was saved last; the one that the run goes on from where nothing was, or none. */
  get file(): string | undefined {
    return this.#file;
  }

  /** Why that is not where it should be, and where it is; undefined where all is well. */
  get unwritten(): string | undefined {
    return this.#unwritten;
  }

  /** What cannot be written ends no training. */
  async save(saved: SavedProblem): Promise<void> {
    try {
      await writeProblemFile(this.path, saved);
      if (this.#rescue !== undefined) await rm(this.#rescue, { force: true });
      this.#rescue = undefined;
      this.#unwritten = undefined;
      this.#file = this.path;
    } catch (error) {
      const isNew = this.#unwritten === undefined;
      this.#unwritten = `${(error as Error).message}: ${await this.#writeRescue(saved)}`;
      if (isNew) warn(`${this.#unwritten}, and training goes on`);
    }
  }

  /** @returns where it is. */
  async #writeRescue(saved: SavedProblem): Promise<string> {
    const path = this.#rescue ?? join(tmpdir(), `sepnn-rescue-${randomUUID()}.safetensors`);
    try {
      await writeProblemFile(path, saved);
      this.#rescue = path;
      this.#file = path;
      return `the state of step ${saved.state.step} is in ${path}`;
    } catch (error) {
      return `nor could the state be saved elsewhere (${(error as Error).message})`;
    }
  }
}
