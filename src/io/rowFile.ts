/** Rows that are done, a line each in a file of the folder for results, until all are: a run that was ended goes on from there. */

import { createHash } from 'node:crypto';
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RunError } from '../errors.js';
import { reasonOf, writeWhole } from './files.js';

export class RowFile {
  private constructor(
    readonly path: string,
    private readonly rows: Map<string, unknown>,
  ) {}

  /**
   * @param key all that the rows depend on: rows of another key are in another file.
   * @throws RunError a file that is there and cannot be read, or one that cannot be written.
   */
  static async open(folder: string, command: string, key: object): Promise<RowFile> {
    const head = JSON.stringify({ command, ...key });
    const path = join(folder, `${command}-${digestOf(head)}.partial.jsonl`);
    const [first, ...lines] = (await textAt(path)).split('\n');
    const kept = first === head ? lines.slice(0, -1) : []; // the last is empty, or was cut short
    const rows = new Map<string, unknown>();
    const whole = kept.filter(line => {
      const read = rowOf(line);
      if (read) rows.set(...read);
      return read !== undefined;
    });
    await writeWhole(path, [head, ...whole].map(line => `${line}\n`).join(''));
    return new RowFile(path, rows);
  }

  /** Rows that are done. */
  get count(): number {
    return this.rows.size;
  }

  /** @throws RunError a row that cannot be written. */
  async of<R>(name: string, make: () => Promise<R>): Promise<R> {
    if (this.rows.has(name)) return this.rows.get(name) as R;
    const row = await make();
    this.rows.set(name, row);
    try {
      await appendFile(this.path, `${lineOf(name, row)}\n`);
    } catch (error) {
      throw new RunError(`${this.path}: cannot be written (${reasonOf(error)})`);
    }
    return row;
  }

  /** All rows are written elsewhere. */
  async complete(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/** Of a file that is not there, nothing. One that cannot be read may hold rows, and is left as it is. */
async function textAt(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new RunError(`${path}: cannot be read (${reasonOf(error)}): take it away to begin again`);
  }
}

/** With a digest of what it holds, by which a row that was damaged is told from one that was made. */
function lineOf(name: string, row: unknown): string {
  const content = JSON.stringify({ name, row }, finite);
  return JSON.stringify({ ...JSON.parse(content), digest: digestOf(content) });
}

/** Undefined of a line that is none of ours: its row is made again. */
function rowOf(line: string): [name: string, row: unknown] | undefined {
  try {
    const { digest, ...content } = JSON.parse(line) as { digest: string; name: string; row: unknown };
    if (digest !== digestOf(JSON.stringify(content))) return undefined;
    return [content.name, JSON.parse(JSON.stringify(content.row), revived)];
  } catch {
    return undefined;
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** JSON has no NaN, and no infinity. */
function finite(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { notFinite: String(value) } : value;
}

function revived(_: string, value: unknown): unknown {
  const { notFinite } = (value ?? {}) as { notFinite?: string };
  return notFinite === undefined ? value : Number(notFinite);
}
