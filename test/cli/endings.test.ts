/** How a run of the command ends, whatever ends it: the process, the terminal, what is printed and what is written. */

import { spawn, spawnSync } from 'node:child_process';
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { commandLine, resuming } from '../../src/cli/commandLine.js';
import { Ending, type StoppedError } from '../../src/cli/ending.js';
import type { FitReport } from '../../src/cli/fit/command.js';
import type { KrrReport } from '../../src/cli/krr/command.js';
import { run } from '../../src/cli/program.js';
import { startProgress, startTileProgress, startTuningProgress } from '../../src/cli/progress.js';
import type { RaceReport } from '../../src/cli/race/command.js';
import type { ReproduceReport } from '../../src/cli/reproduce/report.js';
import { ModelKeeper } from '../../src/cli/training/keeper.js';
import type { TrainingOptions } from '../../src/cli/training/options.js';
import type { FinishedRun, Measured } from '../../src/experiments/trainingRun.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { RowFile } from '../../src/io/rowFile.js';
import {
  architecture,
  type Best,
  cp,
  defineModel,
  grid,
  initialParameters,
  type Model,
} from '../../src/public/index.js';
import {
  adapter,
  capture,
  folder,
  picture,
  type Ran,
  requireUnwritten,
  root,
  runCommand,
  sepnn,
  spawnedWithDoomedDevice,
  spawnedWithDoomedDevices,
} from '../helpers/command.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('endings');

/** What is written to stderr while `work` runs, as on a terminal. */
async function onTerminal(work: () => Promise<unknown>, columns = 60): Promise<string> {
  const written: string[] = [];
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns });
  terminal.on('data', chunk => written.push(String(chunk)));
  const stderr = Object.getOwnPropertyDescriptor(process, 'stderr') as PropertyDescriptor;
  Object.defineProperty(process, 'stderr', { ...stderr, get: () => terminal });
  try {
    await work();
    await new Promise(setImmediate);
  } finally {
    Object.defineProperty(process, 'stderr', stderr);
  }
  return written.join('');
}

test('bars that nobody ended are ended with the command, and leave the modes of the terminal alone', async () => {
  const timers = () => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length;
  const before = timers();
  const written = await onTerminal(async () => {
    startProgress('training', 0, 10, false).update(5, 'a headline that is longer than what is left of the line');
    startTileProgress(10, false).add(3);
    requireEqual('a timer each', timers(), before + 2);
    requireEqual('exit', await run(['krr', '--function', 'f1', '--top-k', '31']), 2);
  });
  requireEqual('timers', timers(), before);
  require(written, written.endsWith('\nsepnn: --top-k 31: an axis has 30 points: use 1 to 30\n'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what switches a mode of a terminal begins with one.
  requireEqual('modes', written.match(/\x1b\[\?\d+[hl]/g), null);
});

test('a bar says nothing of how long is left before the first step, and after it does', async () => {
  const drawn = (step: number) =>
    onTerminal(async () => {
      const bar = startProgress('training', 0, 10, false);
      bar.update(0, 'begun');
      await new Promise(done => setTimeout(done, 20));
      bar.update(step, 'under way');
      bar.stop();
    }, 100);
  const [before, after] = [await drawn(0), await drawn(5)];
  require(before, before.includes('step 0/10 | under way') && !before.includes('left'));
  require(after, /step 5\/10 \| under way \| \d+s left/.test(after));
});

test('tuning says beforehand what it does and how long that may take, and draws a bar until it ends', async () => {
  const device: Parameters<typeof startTuningProgress>[0] = {};
  const written = await onTerminal(async () => {
    const tuning = startTuningProgress(device, false);
    for (let product = 0; product < 3; product++) device.whileTuning?.(product, 3);
    tuning.stop();
  }, 100);
  require(written, /^sepnn: --tune: times 3 matrix products .* minutes on a processor; .*\n/.test(written));
  require(written, written.includes('product 2/3'));
});

test('a signal ends tuning at the next product', async () => {
  const device: Parameters<typeof startTuningProgress>[0] = {};
  const controller = new AbortController();
  startTuningProgress(device, true, controller.signal);
  device.whileTuning?.(0, 3);
  controller.abort(new Error('ended'));
  await requireThrows('product 1', async () => device.whileTuning?.(1, 3), 'Error', /^ended$/);
});

const chosen = ['--optimiser', 'adam', '--lr', '1e-4', '--schedule', 'constant', '--combine', 'sum'];
const small = [
  ...chosen,
  '--rank',
  '8',
  '--width',
  '8',
  '--top-k',
  '3',
  '--gray',
  '--json',
  '--report-every',
  '20',
  ...adapter,
];
const inFolder = (...names: string[]) => join(folder, ...names);
const fileOf = (out: string, name = 'model.safetensors') => inFolder(out, name);
const bytesOf = (out: string, name?: string) => readFileSync(fileOf(out, name));

/** All commands and not one alone, which takes minutes. */
const long = process.env.SEPNN_TEST_LONG === '1';
const krr = [
  ...['--function', 'f1', '--points', '6', '--rank', '5', '--width', '7', '--steps', '25', '--report-every', '10'],
  ...['--seeds', '1', '--noise', '0', '--methods', 'sepnn', ...adapter],
];

let image: Promise<string> | undefined;

/** `fit` of one small image, in this process. */
async function fit(out: string, ...more: string[]): Promise<Ran> {
  image ??= picture('ends.png', 16, 12);
  return sepnn('fit', await image, ...small, '--out', out, ...more);
}

/** Does `act` once a file is there, while `work` runs. */
async function onceThere<T>(isThere: () => boolean, act: () => void, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    if (!isThere()) return;
    clearInterval(timer);
    act();
  }, 1);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

test('a command line that is told is one for a shell, and goes on from another file than it was given', () => {
  const args = ['fit', "it's a.png", '--compare', '--resume', 'old', '--resume-anyway', '--resume=older', '--lr=1e-3'];
  requireEqual('quoted', commandLine(args.slice(0, 3)), "sepnn fit 'it'\\''s a.png' --compare");
  const goOn = resuming(args, ['--preconditioner', 'none'], 'new');
  requireEqual('resuming', goOn.join(' '), "fit it's a.png --lr=1e-3 --preconditioner none --resume new");
  const dashed = resuming(['fit', '--compare', '--resume', 'old', '--', '-a.png'], [], 'new');
  requireEqual('names with a dash', dashed.join(' '), 'fit --resume new -- -a.png');
  const [odd, broken] = ["it's", 'two\nlines\t\\ \u001b'].map(half => commandLine([`${half} of a name\u0007`]));
  const { stdout } = spawnSync('bash', ['-c', `sepnn() { printf '%s|' "$@"; }; ${odd}; ${broken}`]);
  requireEqual(
    'words with control characters',
    stdout.toString(),
    "it's of a name\u0007|two\nlines\t\\ \u001b of a name\u0007|",
  );
  require('one line', !/\p{Cc}/u.test(odd + broken));
  const tuned = ['fit', 'a.png', '--top-k', '3', '--refresh=5', '--gray'];
  const plain = resuming(tuned, ['--preconditioner', 'none'], undefined, ['--top-k', '--refresh']);
  requireEqual('without', plain.join(' '), 'fit a.png --gray --preconditioner none');
});

test('a signal ends patient work by itself, a second one at once, each with its own exit code', async () => {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  const { exit } = process;
  const { write } = process.stderr;
  const exits: unknown[] = [];
  const lines: unknown[] = [];
  process.exit = ((code: unknown) => exits.push(code)) as typeof exit;
  process.stderr.write = ((line: unknown) => lines.push(line) > 0) as typeof write;
  try {
    for (const [name, code] of Object.entries(codes)) {
      const signal = name as keyof typeof codes;
      const before = process.listenerCount(signal);
      const ending = new Ending([]);
      const work = () =>
        ending.patiently(async () => {
          process.emit(signal, signal);
          require('aborted', ending.signal.aborted);
          process.emit(signal, signal); // as timeout sends it: to the process and to its group
          requireEqual('not ended', exits.length, 0);
          await new Promise(done => setTimeout(done, 300));
          process.emit(signal, signal);
          throw ending.stopped('half is done');
        });
      const failed = (error: unknown) => {
        requireEqual('line', (error as Error).message, `${name}: half is done`);
        return (error as StoppedError).exitCode;
      };
      requireEqual(name, [await ending.during(work, failed), exits.splice(0)], [code, [code]]);
      requireEqual('what is read', lines.splice(0), [
        `sepnn: ${name} again: ended at once; what was saved last is kept\n`,
      ]);
      requireEqual('listeners', process.listenerCount(signal), before);
    }
    const ending = new Ending(['fleet', 'my images', '--queue', 'redis://:secret@host']);
    await ending.during(async () => {
      process.emit('SIGTERM', 'SIGTERM');
    }, Number);
    const again = "sepnn fleet 'my images' --queue redis://:...@host";
    const line = `sepnn: SIGTERM: nothing new is kept: to begin again: ${again}\n`;
    requireEqual('impatient work', [exits, lines], [[143], [line]]);
  } finally {
    process.exit = exit;
    process.stderr.write = write;
  }
});

test('a command that keeps nothing on the way says so when a signal ends it, and how to begin again', async () => {
  requireEqual('a model', (await fit('drawn', '--steps', '1')).code, 0);
  const timer = `const timer = setInterval(() => {
    if (process.listenerCount('SIGINT') === 0) return;
    clearInterval(timer);
    setTimeout(() => process.kill(process.pid, 'SIGINT'), 200);
  }, 1)`;
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(timer)}`];
  const commands = [
    ['render', 'drawn/model.safetensors', '--size', '8000', '--out', 'unmade/drawn.npy', ...adapter],
    ['bench', '--only', 'products', '--against', 'none', '--out', 'unmade', ...adapter],
    ['doctor', ...adapter],
  ];
  for (const words of commands) {
    const { code, stdout, stderr } = await runCommand(`${root}dist/cli.js`, words, { preload });
    requireEqual(`${words[0]}: exit`, [code, stdout], [130, '']);
    const line = `sepnn: SIGINT: nothing new is kept: to begin again: sepnn ${words.join(' ')}\n`;
    require(`${words[0]}: ${stderr}`, stderr.endsWith(line));
    requireUnwritten('unmade');
  }
});

test('a folder that was made for results is taken away with those above it where nothing came of it, one that was there stays', async () => {
  const units = (name: string, ...words: string[]) => sepnn(name, ...words, '--matrix-units', ...adapter);
  const model = 'there/model.safetensors';
  requireEqual('a model', (await fit('there', '--steps', '1')).code, 0);
  const before = readdirSync(inFolder('there'));
  for (const words of [
    ['fit', (await image) as string, '--out', 'new/of/fit'],
    ['krr', '--function', 'f1', '--out', 'new/of/krr'],
    ['pde', 'heat', '--out', 'new/of/pde'],
    ['render', model, '--out', 'new/of/render.png'],
    ['ntk', model, '--out', 'there'],
  ]) {
    const { code, stdout } = await units(words[0], ...words.slice(1));
    requireEqual(`${words[0]}: exit`, [code, stdout], [2, '']);
    requireUnwritten('new');
    requireEqual('there', readdirSync(inFolder('there')), before);
  }
});

test('of folders that were made those stay into which another has put something', async () => {
  const made = inFolder('above', 'below', 'of the run');
  const refused = new Ending([]).inSharedFolder('--out', made, async () => {
    writeFileSync(inFolder('above', 'note'), "another's");
    throw new Error('how it ends');
  });
  await requireThrows('ended', () => refused, 'Error', /^how it ends$/);
  requireEqual('what stays', readdirSync(inFolder('above')), ['note']);
});

test('a folder that the run which made it takes away is made again by another that writes into it', async () => {
  requireEqual('a model', (await fit('rendered', '--steps', '1')).code, 0);
  for (const name of ['drawn.png', 'drawn.npy']) {
    const isMade = () => existsSync(inFolder('fleeting'));
    const rendered = sepnn('render', 'rendered/model.safetensors', '--out', join('fleeting', name), ...adapter);
    const { code, stderr } = await onceThere(isMade, () => rmdirSync(inFolder('fleeting')), rendered);
    requireEqual(`${name}: ${stderr}`, [code, readdirSync(inFolder('fleeting'))], [0, [name]]);
    rmSync(inFolder('fleeting'), { recursive: true });
  }
});

test('a run that was killed between its last save and its pictures is gone on from to have them, one that ended is not', async () => {
  const pictures = ['curves.svg', 'metrics.json', 'reconstruction.png'];
  requireEqual('whole', (await fit('whole-end', '--steps', '40')).code, 0);
  const [model, drawn] = [bytesOf('whole-end'), bytesOf('whole-end', 'reconstruction.png')];
  const resume = ['--steps', '40', '--resume', 'whole-end/model.safetensors'];
  const refused = await fit('whole-end', ...resume);
  requireEqual('ended', [refused.code, refused.stderr.includes('has made 40 steps: ask for more')], [2, true]);
  for (const name of pictures) rmSync(fileOf('whole-end', name));
  writeFileSync(fileOf('whole-end', '.sepnn.lock'), `${spawnSync('true').pid}\n`);
  const less = await fit('whole-end', ...resume, '--steps', '30');
  requireEqual('fewer steps', [less.code, less.stderr.includes('ask for more')], [2, true]);
  const { code, stderr } = await fit('whole-end', ...resume);
  requireEqual(`gone on from: ${stderr}`, code, 0);
  requireEqual('files', readdirSync(inFolder('whole-end')).sort(), [...pictures, 'model.safetensors'].sort());
  require('model', bytesOf('whole-end').equals(model));
  require('picture', bytesOf('whole-end', 'reconstruction.png').equals(drawn));
});

test('two runs do not write into one folder, what killed runs left is cleared, and what another writes is left', async () => {
  const gone = spawnSync('true').pid;
  const path = (name: string) => inFolder('shared', name);
  const part = (pid: number) => path(`model.safetensors.${pid}.${'0'.repeat(36)}.part`);
  const locked = (work: () => Promise<unknown> = async () => {}) =>
    new Ending([]).inFolder('--out', inFolder('shared'), work);
  mkdirSync(inFolder('shared'));
  writeFileSync(path('.sepnn.lock'), `${process.ppid}\n`);
  writeFileSync(part(gone), 'half');
  const refusal =
    /^--out \S+: process \d+ writes there: wait for it or give another folder \(if it is no sepnn, take \S+\.sepnn\.lock away\)$/;
  await requireThrows('another run', locked, 'InputError', refusal);
  requireEqual('nothing is changed', readdirSync(inFolder('shared')).length, 2);
  writeFileSync(path('.sepnn.lock'), `${gone}\n`);
  writeFileSync(part(process.ppid), 'half');
  await locked(async () => requireEqual('files', readdirSync(inFolder('shared')).length, 2));
  await locked(() => requireThrows('this one', locked, 'InputError', refusal));
  requireEqual('files', readdirSync(inFolder('shared')), [basename(part(process.ppid))]);
});

test('who holds a lock is told by no clock that is set, and a lock that is no file or that stays is told in a line', async () => {
  const folder = inFolder('clocks');
  const lock = join(folder, '.sepnn.lock');
  const locked = (work: () => Promise<unknown> = async () => {}) => new Ending([]).inFolder('--out', folder, work);
  mkdirSync(folder);
  writeFileSync(lock, `${process.ppid}\n`);
  for (const moment of [0, 4e9]) {
    utimesSync(lock, moment, moment);
    await requireThrows(`at ${moment}`, locked, 'InputError', /: process \d+ writes there/);
  }
  rmSync(lock);
  await locked(async () => {
    utimesSync(lock, 0, 0);
    await requireThrows('this one', locked, 'InputError', /: process \d+ writes there/);
  });
  // Another that had the number of this one: Linux tells when each began.
  writeFileSync(lock, `${process.pid}-1\n`);
  if (existsSync('/proc/self/stat')) await locked();
  else await requireThrows('it', locked, 'InputError', /: process \d+ writes there/);
  rmSync(lock, { force: true });
  writeFileSync(lock, ''); // by one that ended before it named itself
  await locked();
  mkdirSync(lock);
  const message = /\.sepnn\.lock: cannot be read \(it is a folder\): take it away, or give another folder$/;
  await requireThrows('a folder', locked, 'InputError', message);
  rmSync(lock, { recursive: true });
  writeFileSync(lock, `${spawnSync('true').pid}\n`);
  mkdirSync(`${lock}.${process.pid}`); // where it is moved to
  await requireThrows('stays', locked, 'InputError', /\.sepnn\.lock: cannot be taken away \(/);
});

test('a folder that is taken from a run hides nothing of how that ends, and another that has it keeps its lock', async () => {
  const folder = inFolder('taken');
  const lock = join(folder, '.sepnn.lock');
  const ending = (work: () => void) => () =>
    new Ending([]).inFolder('--out', folder, async () => {
      work();
      throw new Error('how it ends');
    });
  const noFolder = ending(() => {
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
  });
  await requireThrows('no folder', noFolder, 'Error', /^how it ends$/);
  rmSync(folder);
  const another = ending(() => writeFileSync(lock, `${process.ppid}\n`));
  await requireThrows('another', another, 'Error', /^how it ends$/);
  requireEqual('its lock', readFileSync(lock, 'utf8'), `${process.ppid}\n`);
});

test('a lock that a full disk leaves unwritten is taken away', async () => {
  const folder = inFolder('lockless');
  const { writeSync } = fs;
  fs.writeSync = () => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
  };
  syncBuiltinESMExports();
  try {
    const locked = () => new Ending([]).inFolder('--out', folder, async () => {});
    await requireThrows('lock', locked, 'RunError', /\.sepnn\.lock: cannot be written \(the disk is full\)$/);
  } finally {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
  }
  requireUnwritten('lockless');
});

/** Has the system refuse, while `work` runs, to write files whose path matches. */
async function onFullDisk<T>(path: RegExp, work: () => Promise<T>): Promise<T> {
  const { writeFile } = promises;
  promises.writeFile = (async (file: string, ...given: [never]) => {
    if (!path.test(file)) return writeFile(file, ...given);
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
  }) as typeof writeFile;
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    promises.writeFile = writeFile;
    syncBuiltinESMExports();
  }
}

const tiny = defineModel({ domain: grid([3, 3]), contraction: cp({ rank: 1 }), network: architecture({ width: 2 }) });
const record = { target: 'of these numbers', objective: 'squared-error' };
const stateAt = (step: number) => ({ step, parameters: initialParameters(tiny, step) });

/** What a keeper of a folder is told at the end of a run. */
function finished(step: number, loss: number, best: Best = { state: stateAt(step), loss }): FinishedRun<Measured> {
  return { state: stateAt(step), reached: loss, best } as unknown as FinishedRun<Measured>;
}

test('a disk that is full, or a folder that is gone, leaves what was there and the model where the line says', async () => {
  mkdirSync(inFolder('full'));
  await new ModelKeeper(inFolder('full'), tiny, record, undefined).finish(finished(3, 1));
  const before = bytesOf('full');
  const cases = { 'the disk is full': 'full', 'there is no such file or folder': 'gone' };
  for (const [reason, out] of Object.entries(cases)) {
    const keeper = new ModelKeeper(inFolder(out), tiny, record, undefined);
    const stderr = capture(process.stderr);
    const ended = await onFullDisk(/full.model\.safetensors/, async () => {
      await keeper.save(stateAt(5), 1, undefined);
      await keeper.save(stateAt(6), 1, undefined);
      return keeper.finish(finished(7, 1)).catch((error: Error) => error.message);
    }).finally(() => stderr.release());
    const line = (step: number) =>
      `\\S+model\\.safetensors: cannot be written \\(${reason}\\): the model of step ${step} is in (\\S+)`;
    require(stderr.text(), new RegExp(`^sepnn: ${line(5)}, and training goes on\\n$`).test(stderr.text()));
    const rescued = new RegExp(`^${line(7)}$`).exec(String(ended))?.[1] as string;
    require(`${ended}`, rescued.startsWith(tmpdir()));
    requireEqual('rescued', (await readModel(rescued)).state.step, 7);
    rmSync(rescued);
  }
  require('what was there is changed', bytesOf('full').equals(before));
});

test('a training that ends on a full disk says where its model is, and how to go on from there', async () => {
  const ended = await onFullDisk(/crowded.model\.safetensors/, () => fit('crowded', '--steps', '2'));
  requireEqual('exit', [ended.code, ended.stdout], [1, '']);
  const last = ended.stderr.trimEnd().split('\n').at(-1) as string;
  const words = /the disk is full\): the model of step 2 is in (\S+): to go on: (sepnn fit .* --resume \1)$/.exec(last);
  require(last, words?.[2].includes('--out crowded') === true);
  rmSync(words?.[1] ?? '');
});

test('a device that is lost while --seconds times its steps is tried again, and so is a race, from its start; one that is lost twice says so', async () => {
  const words = [(await image) as string, '--size', '8', '--rank', '4', '--width', '4', ...adapter];
  const timed = await spawnedWithDoomedDevice(150, '', 'fit', ...words, '--seconds', '1', '--out', 'timed', '--json');
  requireEqual('exit', timed.code, 0);
  require(timed.stderr, /sepnn: the GPU device was lost \(destroyed\): once more on another, /.test(timed.stderr));
  requireEqual('one report', (JSON.parse(timed.stdout) as FitReport).runs.length, 1);
  const race = ['race', ...words, '--top-k', '2', '--runs', 'adam,seppgd', '--steps', '100000'];
  const again = await spawnedWithDoomedDevice(300, '', ...race, '--seconds', '1', '--out', 'doomed', '--json');
  requireEqual('exit', again.code, 0);
  require(again.stderr, /^sepnn: the GPU device was lost \(destroyed\): once more on another, from the start\n/.test(
    again.stderr,
  ));
  const { runs } = JSON.parse(again.stdout) as RaceReport;
  requireEqual(
    'from the start',
    runs.map(({ curve }) => curve[0].step),
    [0, 0],
  );
  const twice = await spawnedWithDoomedDevices(2, 300, '', ...race, '--out', 'twice', '--json');
  requireEqual('exit', [twice.code, twice.stdout], [1, '']);
  // Lost before its trainers were made, it has no curves.
  const told =
    /\nsepnn: the GPU device was lost \(destroyed\): [^\n]*: run the command again(: the curves so far are in [^\n]*)?\n$/;
  require(twice.stderr, told.test(twice.stderr));
}, 120);

test('a race that cannot write its files is run to its end, and prints what they would have held', async () => {
  const small = ['--size', '8', '--rank', '4', '--width', '4', '--top-k', '2', '--steps', '4', '--report-every', '2'];
  const words = [
    'race',
    (await image) as string,
    ...small,
    ...adapter,
    '--runs',
    'adam,seppgd',
    '--out',
    'raced',
    '--json',
  ];
  const ended = await onFullDisk(/raced.race/, () => sepnn(...words));
  require(ended.stderr, ended.code === 1 && /race\.json: cannot be written \(the disk is full\)\n$/.test(ended.stderr));
  const { runs } = JSON.parse(ended.stdout) as RaceReport;
  requireEqual(
    'curves',
    runs.map(({ curve }) => curve.at(-1)?.step),
    [4, 4],
  );
});

test('a best that another training left beside a model is none of what goes on from there', async () => {
  mkdirSync(inFolder('beside'));
  const other = defineModel({
    domain: grid([3, 3]),
    contraction: cp({ rank: 2 }),
    network: architecture({ width: 2 }),
  });
  const settings = { seed: 3, learningRate: 1e-3, optimiser: 'adam', schedule: 'constant', preconditioner: 'none' };
  const options = { ...settings, resume: fileOf('beside') };
  const bestOf = async (model: Model, more: object) => {
    const keeper = new ModelKeeper(inFolder('beside'), model, { ...record, ...options, ...more }, undefined);
    const best = { ...stateAt(2), parameters: initialParameters(model, 0) };
    await keeper.save({ ...best, step: 4 }, 2, { state: best, loss: 1 });
    const saved = { model: tiny, state: stateAt(4), training: {} };
    return ModelKeeper.bestBeside(options as unknown as TrainingOptions, saved, record);
  };
  requireEqual('its own', (await bestOf(tiny, {}))?.state.step, 2);
  requireEqual('of another model', await bestOf(other, {}), undefined);
  requireEqual('of another seed', await bestOf(tiny, { seed: 4 }), undefined);
});

test('a process that ends at once leaves nothing of the file that it was writing', () => {
  mkdirSync(inFolder('at once'));
  const files = JSON.stringify(pathToFileURL(join(root, 'src/io/files.ts')).href);
  const script = `const { writeWholeWith } = await import(${files});
    await writeWholeWith(process.argv[1], async write => { await write(0, new Uint8Array(9)); process.exit(3); });`;
  const path = inFolder('at once', 'array.npy');
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, path];
  requireEqual('exit', spawnSync(process.execPath, args, { cwd: root }).status, 3);
  requireEqual('files', readdirSync(inFolder('at once')), []);
});

test('a better model of the same target is kept and named until a run ends below it; one of another target is not compared', async () => {
  mkdirSync(inFolder('kept'));
  const keep = async (of: typeof record, step: number, loss: number, best?: Best) => {
    const stderr = capture(process.stderr);
    try {
      const keeper = new ModelKeeper(inFolder('kept'), tiny, of, undefined);
      await keeper.save(stateAt(1), 100, undefined);
      const { model: _, ...others } = await keeper.finish(finished(step, loss, best));
      return { others: Object.keys(others), said: stderr.text() };
    } finally {
      stderr.release();
    }
  };
  const files = () => readdirSync(inFolder('kept')).sort();
  const stepOf = async (name: string) => (await readModel(inFolder('kept', name))).state.step;
  requireEqual('the first', await keep(record, 30, 2), { others: [], said: '' });
  const worse = await keep(record, 40, 50, { state: stateAt(20), loss: 10 });
  requireEqual('files', [worse.others, files().length], [['best', 'previous'], 3]);
  require(worse.said, /^sepnn: the model that was in this folder has a lower loss, 2\.000 to 50\.00: it is kept as \S+previous\.safetensors\n$/.test(
    worse.said,
  ));
  requireEqual('steps', await Promise.all(files().map(stepOf)), [20, 30, 40]);
  requireEqual('of another target', (await keep({ ...record, target: 'others' }, 50, 60)).said, '');
  requireEqual('still there', await stepOf('model.previous.safetensors'), 30);
  requireEqual('better', await keep(record, 60, 1), { others: [], said: '' });
  require(files().join(), !files().includes('model.previous.safetensors') &&
    (await stepOf('model.safetensors')) === 60);
});

test('rows are kept to the bit, those cut short are not, and rows of other options are in another file', async () => {
  mkdirSync(inFolder('rows'));
  const open = (key: object) => RowFile.open(inFolder('rows'), 'table', key);
  const row = { a: 1 / 3, b: [Number.NaN, Number.POSITIVE_INFINITY, -0.1], c: 'x' };
  const never = () => Promise.reject(new Error('it was made again'));
  const first = await open({ k: 1 });
  await first.of('one', async () => row);
  await first.of('two', async () => 2);
  writeFileSync(first.path, readFileSync(first.path, 'utf8').slice(0, -3)); // a process was killed as it wrote
  const again = await open({ k: 1 });
  requireEqual('rows', again.count, 1);
  require('row', isDeepStrictEqual(await again.of('one', never), row));
  requireEqual('made again', await again.of('two', async () => 3), 3);
  const other = await open({ k: 2 });
  requireEqual('other options', [other.count, readdirSync(inFolder('rows')).length], [0, 2]);
  await again.complete();
  requireEqual('files', readdirSync(inFolder('rows')), [basename(other.path)]);
});

test('a run that ends far above its best, and above its start, has failed: it says so and keeps the best', async () => {
  const blown = await fit('wild', '--steps', '40', '--report-every', '1', '--lr', '0.5');
  const { files } = JSON.parse(blown.stdout) as FitReport;
  requireEqual('files', [blown.code, files.best], [1, 'wild/model.best.safetensors']);
  require(blown.stderr, /^sepnn: the loss ended at \S+, far above \S+ at step \d+, which is kept as wild\/model\.best\.safetensors: lower --learning-rate 0\.5 or --top-k 3\n$/.test(
    blown.stderr,
  ));
  const kept = await readModel(fileOf('wild', 'model.best.safetensors'));
  const last = await readModel(fileOf('wild'));
  require('losses', Number(last.training.reachedLoss) > 4 * Number(kept.training.reachedLoss));
  requireEqual('steps', [last.state.step, kept.state.step], [40, Number(/at step (\d+)/.exec(blown.stderr)?.[1])]);
});

test('fit goes on from the file of another training only if it is asked to, and says what differs', async () => {
  const file = 'wild/model.safetensors';
  const resume = ['--steps', '42', '--report-every', '1', '--resume', file];
  const others: readonly (readonly [words: readonly string[], difference: string])[] = [
    [[], '--learning-rate was 0.5 and is 0.0001'],
    [['--lr', '0.5', '--mask', '0.2'], '--mask was none and is 0.2'],
    [['--lr', '0.5', '--seed', '1'], '--seed was 0 and is 1'],
    [['--lr', '0.5', '--noise', '0.1'], '--noise was none and is 0.1'],
    [['--lr', '0.5', '--weight-decay', '1'], '--weight-decay was 0 and is 1'],
    [
      [
        '--lr',
        '0.5',
        '--optimiser',
        'muon',
        '--clip',
        '2',
        '--warm-up',
        '3',
        '--schedule',
        'cosine',
        '--rest-rate',
        '0.5',
      ],
      '--optimiser was adam and is muon, --schedule was constant and is cosine, --warm-up was none and is 3, --clip was none and is 2, --rest-rate was none and is 0.5, --steps was 40 and is 42, by which --schedule cosine goes',
    ],
    [['--lr', '0.5', '--combine', 'product'], '--combine was sum and is product'],
    [['--lr', '0.5', '--top-k', '2'], '--top-k was 3 and is 2'],
    [
      ['--lr', '0.5', '--refresh', '5', '--modulation', 'sqrt'],
      '--modulation was flat and is sqrt, --refresh was 10 and is 5',
    ],
  ];
  const lineOf = (difference: string) =>
    `sepnn: --resume ${file}: is of another training: ${difference}: give the same, or --resume-anyway\n`;
  for (const [words, difference] of others) {
    const { code, stderr } = await fit('refused', ...resume, ...words);
    requireEqual(difference, [code, stderr], [2, lineOf(difference)]);
  }
  const alone = await fit('refused', '--resume-anyway');
  const nothing = 'sepnn: --resume-anyway: there is nothing to go on from: give --resume FILE too\n';
  requireEqual('alone', [alone.code, alone.stderr], [2, nothing]);
  const other = ['fit', await picture('other.png', 32, 24), ...small, '--size', '16x12', '--lr', '0.5', ...resume];
  const refused = await sepnn(...other, '--out', 'refused');
  const target = 'the numbers that it was trained on are not those of this file and these options';
  requireEqual('image', [refused.code, refused.stderr], [2, lineOf(target)]);
  requireUnwritten('refused');
  const anyway = await sepnn(...other, '--out', 'anyway', '--resume-anyway', '--lr', '1e-3');
  requireEqual(
    'anyway',
    (JSON.parse(anyway.stdout) as FitReport).runs[0].curve.map(([step]) => step),
    [40, 41, 42],
  );
});

test('a run that is over, and whose rate went by its steps, is said at once to go on by --resume-anyway alone', async () => {
  const cosine = ['--schedule', 'cosine', '--steps', '2'];
  const resume = ['--resume', 'over/model.safetensors'];
  requireEqual('a run', (await fit('over', ...cosine)).code, 0);
  const said = async (...words: string[]) => (await fit('over', ...cosine, ...resume, ...words)).stderr;
  const more = 'ask for more, with --resume-anyway, as --schedule cosine goes by them';
  requireEqual('as many', await said(), `sepnn: --steps 2: over/model.safetensors has made 2 steps: ${more}\n`);
  require('more', (await said('--steps', '3')).endsWith(
    ': all of its 2 steps are made: give --resume-anyway for more\n',
  ));
  requireEqual('anyway', (await fit('over', ...cosine, ...resume, '--steps', '3', '--resume-anyway')).code, 0);
});

test('who reads the output may leave early, and who reads the messages too', async () => {
  const quit = (stream: 'stdout' | 'stderr', ...args: string[]) =>
    new Promise<readonly [code: number | null, rest: string]>(resolve => {
      const child = spawn(process.execPath, [`${root}dist/cli.js`, ...args], { cwd: folder });
      let rest = '';
      child[stream].destroy();
      child[stream === 'stdout' ? 'stderr' : 'stdout'].on('data', chunk => {
        rest += chunk;
      });
      child.on('close', code => resolve([code, rest.replace(/^Warning: max.*\n/gm, '')]));
    });
  requireEqual('stdout', await quit('stdout', '--help'), [0, '']);
  const [code, stdout] = await quit('stderr', 'krr', ...krr, '--out', 'mute');
  requireEqual('stderr', code, 0);
  require(stdout, stdout.includes('mute/results.json'));
});

test('a command of many rows keeps those that are done when it is stopped, and makes the others', async () => {
  const commands: Readonly<Record<string, readonly string[]>> = {
    krr: [...krr, '--seeds', '3'],
    reproduce: ['modulation', '--scale', 'tiny', '--steps', '2', '--image', await picture('row.png', 12, 12)],
    ntk: ['--widths', '5,6', '--rank', '4', '--seeds', '2', '--points', '3', '--steps', '2'],
  };
  for (const [name, words] of Object.entries(commands).slice(0, long ? 3 : 1)) {
    const command = () => sepnn(name, ...words, ...adapter, '--json', '--out', `rows of ${name}`);
    const linesOf = () => {
      const [file] = existsSync(inFolder(`rows of ${name}`))
        ? readdirSync(inFolder(`rows of ${name}`)).filter(one => one.endsWith('.partial.jsonl'))
        : [];
      return file === undefined
        ? []
        : readFileSync(fileOf(`rows of ${name}`, file), 'utf8')
            .split('\n')
            .slice(1, -1);
    };
    const { code, stdout, stderr } = await onceThere(
      () => linesOf().length > 1,
      () => process.emit('SIGINT', 'SIGINT'),
      command(),
    );
    requireEqual(`${name}: exit`, [code, stdout], [130, '']);
    require(stderr, /^sepnn: SIGINT: \d.* are done and kept: to go on: sepnn \w+ .*\n$/.test(stderr));
    const kept = linesOf().map(line => JSON.parse(line) as { row: unknown });
    const again = await command();
    requireEqual(`${name}: exit`, [again.code, again.stderr], [0, '']);
    // With their times, which no second run has the same.
    const report = JSON.stringify(JSON.parse(again.stdout) as KrrReport | ReproduceReport);
    const first = kept[0].row as { curve?: unknown; reports?: readonly [number, { psnr: number }][]; spread?: number };
    const sample = JSON.stringify(first.curve ?? first.spread ?? first.reports?.at(-1)?.[1].psnr);
    require(`${name}: ${sample} in ${report}`, report.includes(sample));
    requireEqual(`${name}: lines`, linesOf().length, 0);
  }
});
