/** The file of one run: where a disk does not take it, the state lies in the system's folder for temporary files. */

import type { ProblemStart } from '../../experiments/pde/run.js';
import { type SavedProblem, writeProblemFile } from '../../io/model/problemFile.js';
import { Rescue } from '../rescue.js';
import { warn } from '../terminal.js';

/** A state that can be written, and the curve so far. */
interface Saved extends ProblemStart {
  readonly state: SavedProblem['state'];
}

export class ProblemKeeper {
  readonly #rescue = new Rescue('state');
  #written: string | undefined;
  #unwritten: string | undefined;
  #kept: ProblemStart | undefined;

  /** @param resumed the file that the run goes on from. */
  constructor(
    private readonly path: string,
    resumed: string | undefined,
  ) {
    this.#written = resumed;
  }

  /** That which has what was saved last; the one that the run goes on from where nothing was, or none. */
  get file(): string | undefined {
    return this.#rescue.path ?? this.#written;
  }

  /** What was saved last, on a disk or not; undefined where nothing was. */
  get kept(): ProblemStart | undefined {
    return this.#kept;
  }

  /** Why that is not where it should be, and where it is; undefined where all is well. */
  get unwritten(): string | undefined {
    return this.#unwritten;
  }

  /** What cannot be written ends no training. */
  async save(training: SavedProblem['training'], { state, reports }: Saved): Promise<void> {
    const saved = { training: { ...training, reports }, state };
    // The run goes on with the same list.
    this.#kept = { state, reports: [...reports] };
    try {
      await writeProblemFile(this.path, saved);
      await this.#rescue.drop();
      this.#unwritten = undefined;
      this.#written = this.path;
    } catch (error) {
      const isNew = this.#unwritten === undefined;
      const where = await this.#rescue.keep(saved.state.step, path => writeProblemFile(path, saved));
      this.#unwritten = `${(error as Error).message}: ${where}`;
      if (isNew) warn(`${this.#unwritten}, and training goes on`);
    }
  }
}
