/**
 * `sepnn fleet`: a folder of images, each with a model of its own; what goes wrong with one, where it goes on, and workers that
 * share a folder, one of which is killed. SEPNN_FLEET_IMAGES says how many images those have, 24 by default.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { openQuietly } from '../../src/cli/engine.js';
import type { FleetTable } from '../../src/cli/fleet/report.js';
import { placesOn, trainSingly } from '../../src/cli/fleet/singly.js';
import type { FleetStatus } from '../../src/cli/fleet/status.js';
import { run } from '../../src/cli/program.js';
import type { Engine } from '../../src/graph/engine.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { WorkQueue } from '../../src/io/queue/workQueue.js';
import { adam, architecture, cp, defineModel, type FleetReport, FleetTrainer, grid } from '../../src/public/index.js';
import {
  adapter,
  capture,
  folder,
  picture,
  type Ran,
  type Refusal,
  requireRefused,
  requireUnwritten,
  root,
  runCommand,
  sepnn,
} from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { startRedis, withRedis } from '../helpers/redis.js';
import { suite } from '../helpers/suite.js';
import { writeTiff } from '../reference/tiff.js';

const test = suite('fleet');

const tiny = ['--rank', '4', '--width', '4', '--preconditioner', 'none', '--steps', '4', ...adapter];

async function folderOf(name: string, images: Readonly<Record<string, readonly [number, number]>>): Promise<string> {
  for (const [image, [width, height]] of Object.entries(images)) {
    mkdirSync(dirname(join(folder, name, image)), { recursive: true });
    await picture(`${name}/${image}`, width, height);
  }
  return name;
}

const tableOf = ({ stdout }: Ran): FleetTable => JSON.parse(stdout);
const modelsIn = (out: string): string[] =>
  readdirSync(join(folder, out), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.safetensors'))
    .sort();
/** Tells a file from another that was written in its place. */
const identityOf = (path: string): string => {
  const { ino, mtimeMs } = statSync(path);
  return `${ino} ${mtimeMs}`;
};

test('every image, of whatever size, has a model of its own, a row and its place on the sheet; what fails ends nothing else', async () => {
  const images = await folderOf('mixed', { 'a.png': [12, 10], 'b.png': [12, 10], 'sub/c.jpg': [9, 14] });
  writeFileSync(join(folder, images, 'broken, "quoted".png'), 'no image');
  const samples = new Float32Array(16).fill(1e30);
  writeFileSync(
    join(folder, images, 'huge.tif'),
    writeTiff({ width: 4, height: 4, samples, photometric: 1, format: 3 }),
  );
  writeFileSync(join(folder, images, 'notes.txt'), 'no image either');
  writeFileSync(join(folder, images, '.hidden.png'), 'nor this');
  const ran = await sepnn('fleet', images, '--out', 'mixed-out', ...tiny, '--json');
  requireEqual('exit', ran.code, 1);
  const { results, done, failed, files } = tableOf(ran);
  requireEqual('done, failed', [done, failed], [3, 2]);
  const names = ['a.png', 'b.png', 'broken, "quoted".png', 'huge.tif', 'sub/c.jpg'];
  requireEqual(
    'rows',
    results.map(({ name, width, height, failed: why }) => [name, width, height, why !== '']),
    [
      ['a.png', 12, 10, false],
      ['b.png', 12, 10, false],
      [names[2], 0, 0, true],
      ['huge.tif', 4, 4, true],
      ['sub/c.jpg', 9, 14, false],
    ],
  );
  require(results[3].failed, /^the loss was not finite at step \d+: lower --learning-rate/.test(results[3].failed));
  require(ran.stderr, ran.stderr.includes('2 of 5 images failed, broken, "quoted".png the first: '));
  requireEqual(
    'models',
    modelsIn('mixed-out'),
    ['a.png', 'b.png', 'sub/c.jpg'].map(name => `${name}.safetensors`),
  );
  const lines = readFileSync(join(folder, files.results), 'utf8').trimEnd().split('\n');
  requireEqual('head', lines[0], 'name,size,steps,seconds,loss,psnr,failed');
  require(lines[1], new RegExp(`^a\\.png,12x10,4,[\\d.]+,${results[0].loss},${results[0].psnr},$`).test(lines[1]));
  require(lines[3], /^"broken, ""quoted""\.png",,0,0\.000,,,"image .*"$/.test(lines[3]));
  // Squares as large as the largest, three in a row, four pixels between.
  const { width, height } = await sharp(join(folder, files['contact sheet'])).metadata();
  requireEqual('sheet', [width, height], [4 + 3 * 18, 4 + 2 * 18]);
  const rendered = await sepnn('render', 'mixed-out/sub/c.jpg.safetensors', '--out', 'c.npy', ...adapter);
  requireEqual('render', rendered.code, 0);
  const bytes = readFileSync(join(folder, 'c.npy')).subarray(-4 * 3 * 126);
  const data = new Float32Array(new Uint8Array(bytes).buffer);
  const pixels = await sharp(join(folder, images, 'sub/c.jpg'))
    .raw()
    .toBuffer();
  const clean = Float32Array.from(data, (_, i) => pixels[3 * (i % 126) + Math.floor(i / 126)] / 255);
  const square = clean.reduce((sum, value, i) => sum + (value - data[i]) ** 2, 0);
  requireClose('loss', [results[4].loss as number], [square / 2], { relative: 1e-4 });
  requireClose('psnr', [results[4].psnr as number], [10 * Math.log10(clean.length / square)], { absolute: 1e-3 });
});

test('what is done with the same settings stays; what failed, was changed or is wanted otherwise is fitted', async () => {
  const images = await folderOf('again', { 'a.png': [8, 8], 'b.png': [8, 8] });
  const broken = join(folder, images, 'c.png');
  writeFileSync(broken, 'no image');
  const run = (...more: string[]) => sepnn('fleet', images, '--out', 'again-out', ...tiny, '--json', ...more);
  requireEqual('exit', (await run()).code, 1);
  const files = ['a.png', 'b.png', 'c.png'].map(name => join(folder, 'again-out', `${name}.safetensors`));
  const [first] = files.map(path => existsSync(path) && identityOf(path));
  await picture('again/b.png', 10, 8);
  await picture('again/c.png', 8, 8);
  const ran = await run();
  requireEqual('exit', [ran.code, tableOf(ran).done], [0, 3]);
  requireEqual('a', identityOf(files[0]), first);
  requireEqual('b', (await readModel(files[1])).model.domain.shape, [8, 10]);
  const [before, inode] = [files.map(identityOf), (await readModel(files[0])).state.step];
  requireEqual('steps', inode, 4);
  requireEqual('nothing to do', [(await run()).code, files.map(identityOf)], [0, before]);
  requireEqual('more steps', (await run('--steps', '5')).code, 0);
  requireEqual('steps', (await readModel(files[0])).state.step, 5);
});

test('images of a fleet by Muon or Shampoo are what fit makes of each', async () => {
  const images = await folderOf('along', { 'a.png': [12, 10], 'b.png': [12, 10] });
  for (const optimiser of ['muon', 'shampoo']) {
    const words = ['--rank', '4', '--width', '4', '--lr', '1e-2', '--top-k', '2', '--steps', '25', ...adapter];
    const ran = await sepnn('fleet', images, '--out', optimiser, '--optimiser', optimiser, ...words, '--json');
    requireEqual('exit', ran.code, 0);
    const fit = await sepnn('fit', `${images}/b.png`, '--out', 'fit', '--optimiser', optimiser, ...words, '--json');
    const { runs } = JSON.parse(fit.stdout) as { readonly runs: readonly { readonly loss: number }[] };
    requireClose(optimiser, [tableOf(ran).results[1].loss as number], [runs[0].loss], { relative: 1e-2 });
  }
});

test('--size brings all images to one size, and one fleet; a folder within the results is not one of images', async () => {
  const images = await folderOf('sized', { 'a.png': [12, 8], 'b.png': [6, 20], 'c.png': [16, 16] });
  const run = () => sepnn('fleet', images, '--out', 'sized/out', ...tiny, '--size', '8x8', '--gray', '--batch', '2');
  const { code, stderr, stdout } = await run();
  requireEqual('exit', code, 0);
  requireEqual('fleets', stderr.match(/8 x 8 x 1: 2 at a time/g)?.length, 1);
  require(stdout, /^.*, 3 images done, 0 failed, PSNR /.test(stdout));
  requireEqual('again', (await run()).code, 0);
  requireEqual('models', modelsIn('sized/out').length, 3);
});

test('a fleet that is killed or stopped keeps what is done, and fits the rest when it is run again', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].map(name => `${name}.png`);
  const images = await folderOf('killed', Object.fromEntries(names.map(name => [name, [8, 8]])));
  const words = ['fleet', images, '--out', 'killed-out', ...tiny, '--batch', '1'];
  const out = join(folder, 'killed-out');
  const whenSome = (count: number, act: () => void) => {
    const timer = setInterval(() => {
      if (!existsSync(out) || modelsIn('killed-out').length < count) return;
      clearInterval(timer);
      act();
    }, 1);
  };
  const child = spawn(process.execPath, [`${root}dist/cli.js`, ...words], { cwd: folder, stdio: 'ignore' });
  whenSome(1, () => child.kill('SIGKILL'));
  requireEqual('killed', (await once(child, 'exit'))[1], 'SIGKILL');
  const done = modelsIn('killed-out');
  require(`${done.length} done`, done.length >= 1 && done.length < names.length);
  const identities = done.map(name => identityOf(join(out, name)));
  whenSome(done.length + 1, () => process.emit('SIGINT'));
  const stopped = await sepnn(...words);
  const left = / of 6 images are done and kept: to go on: sepnn fleet killed /.test(stopped.stderr);
  require(`${stopped.code}: ${stopped.stderr}`, stopped.code === 130 && left);
  requireEqual('the rest', (await sepnn(...words)).code, 0);
  requireEqual('models', modelsIn('killed-out').length, names.length);
  requireEqual(
    'kept',
    done.map(name => identityOf(join(out, name))),
    identities,
  );
  requireEqual(
    'files',
    readdirSync(out)
      .filter(name => !name.endsWith('.safetensors'))
      .sort(),
    ['contact-sheet.png', 'results.csv'],
  );
});

test('an image too large for a fleet is trained by itself to the same result, and one that diverges there ends nothing else', async () => {
  const engine = await openQuietly('embedded');
  const model = defineModel({
    domain: grid([8, 8]),
    contraction: cp({ rank: 4 }),
    network: architecture({ width: 4 }),
  });
  const plan = { model, optimiser: adam({ learningRate: 1e-3 }), preconditioner: undefined, steps: 4 };
  require('fits', placesOn(engine, plan) >= 3);
  const large = { ...plan, model: { ...model, domain: grid([8192, 8192]) } };
  requireEqual('does not', placesOn({ device: { mostBindingBytes: 2 ** 27 } } as Engine, large), 0);
  const jobs = [0.5, 1e30, 0.25].map((value, i) => ({ id: `${i}`, target: new Float32Array(64).fill(value), seed: i }));
  async function* handed() {
    yield* jobs;
  }
  const reported: number[] = [];
  const options = {
    signal: new AbortController().signal,
    onReport: ({ running: [{ step }] }: Pick<FleetReport, 'running'>) => reported.push(step),
  };
  const singly = await listOf(trainSingly(engine, plan, handed(), options));
  const { optimiser, steps } = plan;
  const fleet = await FleetTrainer.create(engine, { model, optimiser, steps, batch: 3 });
  const together = await listOf(fleet.train(jobs));
  for (const { id, loss, output, failedAt } of singly) {
    const other = together.find(one => one.id === id);
    requireEqual(`${id}: failed`, failedAt, other?.failedAt);
    if (failedAt !== undefined) continue;
    requireClose(`${id}: loss`, [loss], [other?.loss as number], { relative: 1e-5 });
    requireClose(`${id}: output`, output as Float32Array, other?.output as Float32Array, { absolute: 1e-5 });
  }
  requireEqual('reported', reported.at(-1), 4);
  fleet.dispose();
  await engine.dispose();
});

test('an image whose model would have too long a name fails alone; one that fits is written, and rows of other versions are made again', async () => {
  const [long, longer] = [`${'n'.repeat(238)}.png`, `${'n'.repeat(240)}.png`];
  const images = await folderOf('long', { [long]: [8, 8], [longer]: [8, 8] });
  const words = ['fleet', images, '--out', 'long-out', ...tiny, '--json'];
  for (const turn of ['first', 'of another version']) {
    const { code, stdout, stderr } = await sepnn(...words);
    const { done, failed } = JSON.parse(stdout) as FleetTable;
    requireEqual(`${turn}: ${stderr}`, [code, done, failed], [1, 1, 1]);
    require(stderr, /n\.png\.safetensors: cannot be written \(the name is too long\): give the image a shorter one\n/.test(
      stderr,
    ));
    const path = join(folder, 'long-out', `${long}.safetensors`);
    const text = readFileSync(path, 'latin1');
    require('a row', text.includes('\\"thumbnail\\"'));
    writeFileSync(path, text.replace('\\"thumbnail\\"', '\\"thumbnaiL\\"'), 'latin1');
  }
});

test('a result that cannot be written ends the run in a line that says how to go on', async () => {
  const images = await folderOf('unwritable', { 'a.png': [8, 8], 'b.png': [8, 8] });
  mkdirSync(join(folder, 'unwritable-out', 'b.png.safetensors', 'in the way'), { recursive: true });
  const { code, stderr } = await sepnn('fleet', images, '--out', 'unwritable-out', ...tiny, '--batch', '1');
  const line =
    /\nsepnn: unwritable-out\/b\.png\.safetensors: cannot be written \([^\n]*\): 1 of 2 images are done and kept: to go on: sepnn fleet [^\n]*\n$/;
  require(`${code}: ${stderr}`, code === 1 && line.test(stderr));
});

test('a table that cannot be written is told all the same, and names say nothing to a terminal', async () => {
  const images = await folderOf('untold', { 'a.png': [8, 8] });
  writeFileSync(join(folder, images, 'b\u001b[31m\n.png'), 'no picture');
  mkdirSync(join(folder, 'untold-out', 'results.csv', 'in the way'), { recursive: true });
  const { code, stdout, stderr } = await sepnn('fleet', images, '--out', 'untold-out', ...tiny, '--json');
  requireEqual('exit', code, 1);
  require(stderr, /\nsepnn: untold-out\/results\.csv: cannot be written [^\n]*\n$/.test(stderr));
  require(stderr, !stderr.includes('\u001b') && stderr.trimEnd().split('\n').length === 2);
  const { done, failed } = JSON.parse(stdout) as FleetTable;
  requireEqual('told', [done, failed], [1, 1]);
});

test('bad usage is refused before anything is written', async () => {
  const images = await folderOf('refused', { 'a.png': [8, 8] });
  mkdirSync(join(folder, 'empty'), { recursive: true });
  const cases: readonly Refusal[] = [
    [['nowhere'], /folder nowhere: cannot be read \(there is no such file or folder\): check the path/],
    [['empty'], /folder empty: has no image: give one with files such as \.png, /],
    [[images, '--batch', '0'], /--batch 0: use a whole number from 1 to 4096/],
    [[images, '--top-k', 'auto'], /--top-k auto: is chosen image by image, and a fleet has one k: give a number/],
    [[images, '--status'], /--status: there is no queue: give --queue redis:\/\/host:6379 too/],
    [[images, '--lock', '5'], /--lock 5: there is no queue: /],
    [[images, '--queue', 'redis://h', '--status', '--clear'], /--status with --clear: leave one of them out/],
    [[images, '--queue', 'here'], /--queue here: is no address of a Redis: give redis:\/\/host:6379/],
    [[images, '--queue', 'redis://h', '--queue-name', 'a:b'], /--queue-name a:b: use 1 to 100 characters/],
    [[images, '--queue', 'redis://h', '--queue-name', ''], /--queue-name : use 1 to 100 characters/],
    [[images, '--model', 'tt', '--rank', '2,3'], /--rank 2,3: 2 numbers for --model tensor-train/],
    [[images, '--resume', 'x'], /unknown option '--resume'/],
  ];
  await requireRefused(cases, args => sepnn('fleet', ...args, '--out', 'refused-out'));
  requireUnwritten('refused-out');
});

test('what no image can have is refused before anything is written, and what some can have ends the others alone', async () => {
  const images = await folderOf('impossible', { 'a.png': [8, 8], 'b.png': [12, 12] });
  const words = ['--rank', '4', '--width', '4', '--steps', '2', ...adapter];
  await requireRefused(
    [
      [[images, ...words, '--top-k', '13'], /--top-k 13: /],
      [[images, '--rank', '65536', '--width', '65536', ...adapter], /--width 65536 /],
      [[images, '--parameters', '1', ...adapter], /--parameters 1: the smallest model has \d+: use that or more/],
    ],
    args => sepnn('fleet', ...args, '--out', 'impossible-out'),
  );
  requireUnwritten('impossible-out');
  const ran = await sepnn('fleet', images, ...words, '--top-k', '10', '--out', 'possible-out', '--json');
  const { done, failed, settings } = tableOf(ran);
  requireEqual('exit', [ran.code, done, failed], [1, 1, 1]);
  const foreign = ['reportEvery', 'tune', 'compare', 'resumeAnyway', 'saveEvery'];
  requireEqual(
    'settings of one image alone',
    foreign.filter(name => name in settings),
    [],
  );
});

test("sheets of other results are no images; a host's own files in the results' place are refused and left", async () => {
  const images = await folderOf('sheets', { 'a.png': [8, 8] });
  requireEqual('within', (await sepnn('fleet', images, '--out', 'sheets/old', ...tiny)).code, 0);
  await picture('sheets/contact-sheet.png', 8, 8); // a picture with a name like any
  const ran = await sepnn('fleet', images, '--out', 'sheets-out', ...tiny, '--json');
  requireEqual(
    'images',
    tableOf(ran).results.map(({ name }) => name),
    ['a.png', 'contact-sheet.png'],
  );
  for (const file of ['contact-sheet.png', 'results.csv']) {
    const own = join(folder, `own-${file}`, file);
    mkdirSync(dirname(own), { recursive: true });
    writeFileSync(own, 'mine');
    const line = new RegExp(
      `^sepnn: --out own-${file}: own-${file}/${file} is no fleet's, and would be written over: move it, `,
    );
    const { code, stderr } = await sepnn('fleet', images, '--out', `own-${file}`, ...tiny);
    require(`${code}: ${stderr}`, code === 2 && line.test(stderr));
    requireEqual('left', [readFileSync(own, 'utf8'), readdirSync(dirname(own))], ['mine', [file]]);
  }
});

test('the help names what a fleet takes', async () => {
  const { stdout } = await sepnn('fleet', '--help');
  require('no auto', !/ auto: /.test(stdout) && /--optimiser <name> +adam, sgd, muon, shampoo/.test(stdout));
});

async function listOf<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const result of results) list.push(result);
  return list;
}

const shared = Number(process.env.SEPNN_FLEET_IMAGES ?? 24);

/** Several workers in this process at once, whose streams are one. */
async function together(
  workers: number,
  words: readonly string[],
): Promise<readonly [codes: number[], lines: string[]]> {
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  try {
    const codes = await Promise.all(Array.from({ length: workers }, () => run(words)));
    return [codes, stdout.text().trimEnd().split('\n')];
  } finally {
    stdout.release();
    stderr.release();
  }
}

withRedis('sepnn fleet --queue', () => {
  test(
    'three workers, one of which is killed, fit every image once, and each knows the results of all',
    async () => {
      const names = Array.from({ length: shared }, (_, i) => `${String(i).padStart(3, '0')}.png`);
      const images = join(folder, await folderOf('shared', Object.fromEntries(names.map(name => [name, [8, 8]]))));
      writeFileSync(join(images, 'broken.png'), 'no image');
      const redis = await startRedis();
      const out = join(folder, 'shared-out');
      const words = [
        'fleet',
        images,
        '--out',
        out,
        '--queue',
        redis.url,
        '--lock',
        '0.5',
        ...tiny,
        '--batch',
        '2',
        '--json',
      ];
      const status = async (): Promise<FleetStatus> => JSON.parse((await sepnn(...words, '--status')).stdout);
      const child = spawn(process.execPath, [`${root}dist/cli.js`, ...words], { stdio: 'ignore' });
      const isBusy = ({ workers }: FleetStatus) => Object.keys(workers).some(name => name.endsWith(` ${child.pid}`));
      const freeze = async () => {
        child.kill('SIGSTOP');
        if (isBusy(await status())) return true;
        child.kill('SIGCONT');
        return false;
      };
      while (!isBusy(await status()) || !(await freeze())) await new Promise(resolve => setTimeout(resolve, 100));
      child.kill('SIGKILL');
      require('its images are with it still', isBusy(await status()));
      const [codes, lines] = await together(2, words);
      requireEqual('exits', codes, [1, 1]);
      const tables = lines.map(line => JSON.parse(line) as FleetTable);
      for (const { done, failed, results } of tables) {
        requireEqual('done, failed', [done, failed], [shared, 1]);
        requireEqual(
          'names',
          results.map(({ name }) => name),
          [...names, 'broken.png'],
        );
      }
      requireEqual('the same results', tables[0].results, tables[1].results);
      requireEqual(
        'models',
        modelsIn('shared-out'),
        names.map(name => `${name}.safetensors`),
      );
      const { waiting, underWay, done, failed, workers, failures } = await status();
      requireEqual('status', [waiting, underWay, done, failed, workers], [0, 0, shared, 1, {}]);
      require(failures[0].failed, failures[0].name === 'broken.png' && /is no image/.test(failures[0].failed));
      requireEqual('cleared', (await sepnn(...words, '--clear')).code, 0);
      const after = await status();
      requireEqual('nothing left', [after.done, after.failed], [0, 0]);
      await redis.stop();
    },
    60 + shared,
  );

  test('a queue of other things, or of files out of the folder, is refused and left as it is', async () => {
    const images = await folderOf('owned', { 'a.png': [8, 8] });
    const redis = await startRedis();
    const open = { option: '--queue', url: redis.url, lockSeconds: 30, patienceSeconds: 30, note: () => {} };
    const wrong = [{ hello: 1 }, { name: '../a.png', bytes: 1 }, { name: '/etc/a.png', bytes: 1 }];
    for (const [i, data] of wrong.entries()) {
      const queue = await WorkQueue.open<unknown, unknown>({ ...open, name: `foreign${i}` });
      await queue.add([{ id: 'one', data }]);
      const words = [images, '--queue', redis.url, '--queue-name', `foreign${i}`, ...tiny, '--json'];
      const line = /--queue: hands out something else than images of a folder: give another --queue-name/;
      await requireRefused([[words, line]], args => sepnn('fleet', ...args, '--out', 'foreign-out'));
      requireEqual('left', (await queue.counts()).waiting, 1);
      await queue.close();
    }
    await redis.stop();
  });

  test('a queue of other images is refused, and one that is stopped gives its images back', async () => {
    for (const name of ['mine', 'theirs']) {
      await folderOf(name, { [`${name}-0.png`]: [8, 8], [`${name}-1.png`]: [8, 8], [`${name}-2.png`]: [8, 8] });
    }
    const redis = await startRedis();
    const words = ['--queue', redis.url, '--queue-name', 'one', ...tiny, '--steps', '100000', '--json'];
    let ended = false;
    const running = sepnn('fleet', 'theirs', '--out', 'theirs-out', ...words).finally(() => {
      ended = true;
    });
    setTimeout(() => !ended && process.emit('SIGINT'), 300);
    const stopped = await running;
    require(`${stopped.code}: ${stopped.stderr}`, /0 of 3 images are done and kept: to go on: /.test(stopped.stderr));
    const { waiting, underWay } = JSON.parse(
      (await sepnn('fleet', 'theirs', ...words, '--status')).stdout,
    ) as FleetStatus;
    requireEqual('given back', [waiting, underWay], [3, 0]);
    const refused = await sepnn('fleet', 'mine', '--out', 'mine-out', ...words);
    const line =
      /^sepnn: --queue: hands out other images, such as theirs-\d\.png, than mine has: give their folder, or --queue-name\n$/;
    require(`${refused.code}: ${refused.stderr}`, refused.code === 2 && line.test(refused.stderr));
    await redis.stop();
  });
});

/** As though they were not installed. */
const withoutQueues = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`export function resolve(name, context, next) {
  if (name === 'bullmq') throw new Error('Cannot find package bullmq');
  return next(name, context);
}\`));`;

test('without the packages a queue is refused in a line that says how to install them', async () => {
  await folderOf('alone', { 'a.png': [8, 8] });
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(withoutQueues)}`];
  const args = ['fleet', 'alone', '--queue', 'redis://127.0.0.1:1', ...tiny];
  const { code, stderr } = await runCommand(`${root}dist/cli.js`, args, { preload });
  const pattern = /^sepnn: --queue needs the packages bullmq and ioredis \(.*\): npm install bullmq ioredis\n$/;
  require(`${code}: ${stderr}`, code === 2 && pattern.test(stderr));
});
