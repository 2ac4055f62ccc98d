/** The command in this process and in one of its own, both in a folder that is taken away at the end. */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { run } from '../../src/cli/program.js';
import { require, requireEqual } from './compare.js';
import './sharedDevice.js';
import { atEnd } from './suite.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), 'sepnn-cli-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

export const adapter = ['--adapter', process.env.SEPNN_TEST_ADAPTER ?? 'embedded'];

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  /** Without what Dawn prints of itself. */
  readonly stderr: string;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs the command in this process. Runs that are asked for together take turns: they share the working directory and
 * the two streams. A terminal would be drawn on otherwise than a pipe, so this process must have none.
 */
export function sepnn(...args: string[]): Promise<Ran> {
  const ran = last.then(() => captured(args));
  last = ran.catch(() => {});
  return ran;
}

async function captured(args: readonly string[]): Promise<Ran> {
  const [outside, exitCode] = [process.cwd(), process.exitCode];
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  process.chdir(folder);
  try {
    const code = await run(args);
    if (process.exitCode !== exitCode) throw new Error('a run has set the exit code of its process');
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.chdir(outside);
    stdout.release();
    stderr.release();
  }
}

/** Keeps what is written to a stream until it is released. */
export function capture(stream: NodeJS.WriteStream): { text(): string; release(): void } {
  const { write } = stream;
  let text = '';
  stream.write = (chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
  return {
    text: () => text,
    release: () => {
      stream.write = write;
    },
  };
}

/** Runs the command as a user does: what was built, in a process of its own. */
export function spawnedSepnn(...args: string[]): Promise<Ran> {
  return runCommand(`${root}dist/cli.js`, args);
}

/** A file, or one with a text in it. */
type Until = string | { readonly file: string; readonly holds: string };

/** The same with a first device that is lost so many milliseconds after it was opened, or after a file is there, or holds a text. */
export function spawnedWithDoomedDevice(milliseconds: number, until: Until, ...args: string[]): Promise<Ran> {
  return spawnedWithDoomedDevices(1, milliseconds, until, ...args);
}

/** The same with so many devices, one after the other. */
export function spawnedWithDoomedDevices(
  count: number,
  milliseconds: number,
  until: Until,
  ...args: string[]
): Promise<Ran> {
  const { file, holds } = typeof until === 'string' ? { file: until, holds: '' } : until;
  const preload = ['--import', pathToFileURL(`${root}test/helpers/doomedDevice.mjs`).href];
  const env = {
    SEPNN_TEST_DOOMED_DEVICES: String(count),
    SEPNN_TEST_DEVICE_LIVES: String(milliseconds),
    SEPNN_TEST_DEVICE_UNTIL: file,
    SEPNN_TEST_DEVICE_HOLDS: holds,
  };
  return runCommand(`${root}dist/cli.js`, args, { preload, env });
}

/** A process that hangs would keep this one. */
const mostMilliseconds = 100_000;

/** Runs a program of Node's in a process of its own. */
export function runCommand(
  program: string,
  args: readonly string[],
  { preload = [], env = {} }: { readonly preload?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [...preload, program, ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      timeout: mostMilliseconds,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    // Not 'exit', after which what was printed last may still be on its way.
    child.on('close', code => resolve({ code, stdout, stderr: stderr.replace(/^Warning: max.*\n/gm, '') }));
  });
}

/** Words of a command line, and what the one line says with which they are refused. */
export type Refusal = readonly [args: readonly string[], message: RegExp];

/** Each must end with exit 2, nothing on stdout and one line on stderr that matches. */
export async function requireRefused(
  cases: readonly Refusal[],
  command: (args: readonly string[]) => Promise<Ran>,
): Promise<void> {
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await command(args);
    const what = args.join(' ');
    requireEqual(`${what}: exit`, [code, stdout], [2, '']);
    require(`${what}: "${stderr}"`, message.test(stderr) && /^sepnn: [^\n]*\n$/.test(stderr));
  }
}

/** Nothing was written into a folder of the tests that was not there, and nothing is left of what was begun. */
export function requireUnwritten(name: string): void {
  require(`${name}: something was written`, !existsSync(join(folder, name)));
}

/** A smooth colour picture as a file. */
export async function picture(name: string, width: number, height: number): Promise<string> {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [(pixel % width) / width, Math.floor(pixel / width) / height];
    return 128 + 100 * Math.sin(6 * x + 2 * (i % 3)) * Math.cos(5 * y);
  });
  const path = join(folder, name);
  await sharp(data, { raw: { width, height, channels: 3 } }).toFile(path);
  return path;
}
