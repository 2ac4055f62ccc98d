/**
 * Runs that are ended at random moments and gone on from: all end with the bytes of the run that was not interrupted.
 * SEPNN_KILLS says how many, one by default; SEPNN_TEST_SEED which, and how they are ended.
 */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FitReport } from '../../src/cli/fit/command.js';
import { adapter, folder, picture, type Ran, root, sepnn, spawnedWithDoomedDevice } from '../helpers/command.js';
import { require, requireEqual } from '../helpers/compare.js';
import { random, randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('kills');

const kills = Number(process.env.SEPNN_KILLS ?? 1);
/** On a machine with other work. */
const secondsEach = 60;

const options = [
  ...['--rank', '8', '--width', '8', '--top-k', '3', '--gray', '--steps', '1000', '--report-every', '40'],
  ...['--save-every', '0', '--validate', '0.2', '--json', ...adapter],
];
const fileOf = (out: string) => join(folder, out, 'model.safetensors');

interface Killed extends Ran {
  readonly seconds: number;
}

/** A moment of a run: so many milliseconds after its start, or after its first save. */
interface Moment {
  readonly milliseconds: number;
  readonly saved: boolean;
}

/** `fit` in a process of its own that gets a signal at a moment. */
function fitAndKill(image: string, out: string, signal: NodeJS.Signals, moment?: Moment): Promise<Killed> {
  return new Promise(resolve => {
    const start = performance.now();
    const args = [`${root}dist/cli.js`, 'fit', image, ...options, '--out', out];
    const child = spawn(process.execPath, args, { cwd: folder });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    let timer: NodeJS.Timeout | undefined;
    const waiting = setInterval(() => {
      if (!moment || timer || (moment.saved && !existsSync(fileOf(out)))) return;
      timer = setTimeout(() => child.kill(signal), moment.milliseconds);
    }, 1);
    child.on('close', code => {
      clearInterval(waiting);
      clearTimeout(timer);
      resolve({ code, stdout, stderr, seconds: (performance.now() - start) / 1000 });
    });
  });
}

/** Of a run that was ended by a signal: the words with which it goes on, or undefined where it was already done. */
function wordsToGoOn(image: string, out: string, signal: NodeJS.Signals, ran: Ran): readonly string[] | undefined {
  if (ran.code === 0) return undefined;
  if (signal === 'SIGKILL') {
    requireEqual('exit', ran.code, null);
    const isSaved = existsSync(fileOf(out));
    return ['fit', image, ...options, '--out', out, ...(isSaved ? ['--resume', `${out}/model.safetensors`] : [])];
  }
  // Before the command hears signals it ends as any process does.
  if (ran.code === null) return ['fit', image, ...options, '--out', out];
  requireEqual('exit', ran.code, { SIGINT: 130, SIGTERM: 143 }[signal as 'SIGINT' | 'SIGTERM']);
  const [, words] = /^sepnn: SIG\w+: .*: to (?:go on|begin again): sepnn (.*)\n$/m.exec(ran.stderr) ?? [];
  require(`${signal}: ${ran.stderr}`, words !== undefined);
  return words.split(' ');
}

test(
  'runs that are killed, stopped, or lose their device at random moments end with the bytes of one that is not',
  async () => {
    const image = await picture('killed.png', 16, 12);
    const whole = await fitAndKill(image, 'whole', 'SIGKILL');
    requireEqual('exit', whole.code, 0);
    const training = (JSON.parse(whole.stdout) as FitReport).runs[0].seconds;
    const counts: Record<string, number> = {};
    const first = randomInteger(0, 3);
    for (let i = 0; i < kills; i++) {
      const out = `killed-${i}`;
      const saved = random() < 0.75;
      const moment = { milliseconds: 1000 * (saved ? training : whole.seconds) * random(), saved };
      const how = (['SIGINT', 'device', 'SIGKILL', 'SIGTERM'] as const)[(first + i) % 4];
      const what = `kill ${i}, ${how} after ${JSON.stringify(moment)}`;
      if (how === 'device') {
        const { milliseconds } = moment;
        const args = ['fit', image, ...options, '--out', out];
        const { code, stderr } = await spawnedWithDoomedDevice(milliseconds, saved ? fileOf(out) : '', ...args);
        requireEqual(`${what}: exit, ${stderr}`, code, 0);
        counts.retried = (counts.retried ?? 0) + Number(stderr.includes('once more on another'));
      } else {
        const ran = await fitAndKill(image, out, how, moment);
        const words = wordsToGoOn(image, out, how, ran);
        const resumed = words?.includes('--resume') ? 'resumed' : 'begun again';
        counts[words ? resumed : 'done'] = (counts[words ? resumed : 'done'] ?? 0) + 1;
        const rest = words && (await sepnn(...words));
        requireEqual(`${what}: exit, ${rest?.stderr}`, rest?.code ?? 0, 0);
      }
      require(`${what}: other bytes`, readFileSync(fileOf(out)).equals(readFileSync(fileOf('whole'))));
      const files = ['curves.svg', 'metrics.json', 'model.safetensors', 'reconstruction.png'];
      requireEqual(`${what}: files`, readdirSync(join(folder, out)).sort(), files);
      rmSync(join(folder, out), { recursive: true });
      if (kills > 4) console.error(`${i + 1}: ${JSON.stringify(counts)}`);
    }
  },
  120 + secondsEach * kills,
);
