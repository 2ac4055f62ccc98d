/**
 * How one run of the command ends, whatever ends it: this is the one place that hears signals, and that ends the bars,
 * gives the folders free, and bears a stream that closes early.
 */

import { constants } from 'node:os';
import { RunError } from '../errors.js';
import { clearParts, reasonOf, removeEmpty, requireWritableFolder } from '../io/files.js';
import { lockFolder } from '../io/folderLock.js';
import { commandLine } from './commandLine.js';
import { endProgress } from './progress.js';
import { warn } from './terminal.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type SignalName = (typeof signals)[number];

/** Signals as exit codes, by the shells' convention. */
function exitCodeOf(name: SignalName): number {
  return 128 + constants.signals[name];
}

/** A signal to a process and to its group comes twice. Nobody presses keys as quickly. */
const echoMilliseconds = 250;

/** A run that a signal ended in good order. */
export class StoppedError extends RunError {
  readonly exitCode: number;

  /** @param message what was done and how to go on. */
  constructor(name: SignalName, message: string) {
    super(`${name}: ${message}`);
    this.exitCode = exitCodeOf(name);
  }
}

export class Ending {
  readonly #controller = new AbortController();
  #patient = 0;
  #received: SignalName | undefined;
  #receivedAt = 0;
  #stdoutError: unknown;
  /** What of the run is kept, and how it is called to run the command again. */
  #kept = () => 'nothing new is kept: to begin again';

  /** @param args the words of the command line after the command's own name. */
  constructor(readonly args: readonly string[]) {}

  /** Aborted by the first signal that comes during work that ends by itself then. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Does `work`, which looks at `signal`. At a second signal, no echo of the first, the process ends at once with a line, as it does elsewhere at the first. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    this.#patient++;
    try {
      return await work();
    } finally {
      this.#patient--;
    }
  }

  /**
   * The same for work that makes rows of a table, throws the signal's reason once that is aborted, and keeps what is done.
   *
   * @param done how much that is. @throws StoppedError after a signal: how much is done, and how to go on.
   */
  async inRows<T>(done: () => string, work: () => Promise<T>): Promise<T> {
    this.#kept = () => `${done()} done and kept: to go on`;
    try {
      return await this.patiently(work);
    } catch (error) {
      if (error !== this.signal.reason || !this.signal.aborted) throw error;
      throw this.stopped(this.#runAgain());
    }
  }

  /** What a run that was stopped ends with. */
  stopped(message: string): StoppedError {
    return new StoppedError(this.#received ?? 'SIGINT', message);
  }

  /**
   * Does `work` with a folder for results that no other run writes into, and that what killed runs had begun is cleared from.
   *
   * @throws InputError a folder that cannot be written, or that another run writes into.
   */
  inFolder<T>(option: string, folder: string, work: () => Promise<T>): Promise<T> {
    return this.inSharedFolder(option, folder, () =>
      cleaned(lockFolder(option, folder), async () => {
        await clearParts(folder);
        return work();
      }),
    );
  }

  /** The same with one that others may write into. Where nothing came of a folder that was not there, it is taken away. @throws InputError one that cannot be written. */
  inSharedFolder<T>(option: string, folder: string, work: () => Promise<T>): Promise<T> {
    const made: string[] = [];
    return cleaned(
      () => removeEmpty(made),
      async () => {
        await requireWritableFolder(option, folder, made);
        return work();
      },
    );
  }

  /**
   * Hears signals and bears closed streams while `work` runs.
   *
   * @param failed says what went wrong; bars are ended by then.
   * @returns the exit code.
   */
  async during(work: () => Promise<void>, failed: (error: unknown) => number): Promise<number> {
    const hear = (name: SignalName) => this.#hear(name);
    const keepError = (error: unknown) => {
      this.#stdoutError ??= error;
    };
    const ignore = () => {}; // what stderr would have said is lost, and nothing else
    for (const name of signals) process.on(name, hear);
    process.stdout.on('error', keepError);
    process.stderr.on('error', ignore);
    try {
      await work();
      await nextTurn();
      this.#requireStdout();
      return 0;
    } catch (error) {
      endProgress();
      return failed(error);
    } finally {
      endProgress();
      await nextTurn();
      for (const name of signals) process.off(name, hear);
      process.stdout.off('error', keepError);
      process.stderr.off('error', ignore);
    }
  }

  /** Who reads a pipe may have read enough, which is no error: whatever was printed came after all work. */
  #requireStdout(): void {
    const error = this.#stdoutError as NodeJS.ErrnoException | undefined;
    if (error && error.code !== 'EPIPE') throw new RunError(`stdout: cannot be written (${reasonOf(error)})`);
  }

  #runAgain(): string {
    return `${this.#kept()}: ${commandLine(this.args)}`;
  }

  #hear(name: SignalName): void {
    if (this.#patient > 0 && this.#received === undefined) {
      this.#received = name;
      this.#receivedAt = performance.now();
      this.#controller.abort();
      return;
    }
    if (name === this.#received && performance.now() - this.#receivedAt < echoMilliseconds) return;
    endProgress();
    if (this.#received === undefined) warn(`${name}: ${this.#runAgain()}`);
    else warn(`${name} again: ended at once; what was saved last is kept`);
    process.exit(exitCodeOf(name));
  }
}

/** Does `work`, and `cleanup` after it, however that ends: the last that was begun comes first. */
async function cleaned<T>(cleanup: () => void, work: () => Promise<T>): Promise<T> {
  process.prependOnceListener('exit', cleanup); // a signal may end the process at once
  try {
    return await work();
  } finally {
    process.off('exit', cleanup);
    cleanup();
  }
}

/** In which streams tell of the errors of this one. */
function nextTurn(): Promise<void> {
  return new Promise(setImmediate);
}
