/** `sepnn race` as a user runs it: what it prints and writes, that it trains as trainers do, and how it refuses and ends. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RaceReport } from '../../src/cli/race/command.js';
import { entrantsFrom } from '../../src/cli/race/runs.js';
import { entrantAtWidth, entrants, trainingOf } from '../../src/experiments/entrants.js';
import { prepareImage } from '../../src/experiments/image/data.js';
import { imageModel } from '../../src/experiments/image/model.js';
import { imageTask } from '../../src/experiments/image/task.js';
import { Race } from '../../src/experiments/race/race.js';
import { type OpenEngineOptions, openEngine } from '../../src/public/node.js';
import { Trainer } from '../../src/train/trainer.js';
import { adapter, folder, picture, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('race, the command');
const small = ['--gray', '--rank', '5', '--width', '6', '--report-every', '4', ...adapter];

test('entrants are named, and a user changes what differs', async () => {
  const [paper, own, plain] = entrantsFrom(
    'seppgd, muon:rate=3e-3:rest=2e-3:warm-up=9:iterations=3:polynomials=jordan:steps=7:seppgd=sum:k=auto,seppgd:seppgd=none',
  );
  requireEqual('named', paper, { name: 'seppgd', entrant: entrants.seppgd });
  const { schedule, optimiser } = entrants.muon;
  requireEqual('own', own.entrant, {
    ...{ optimiser, learningRate: 3e-3, schedule, restLearningRate: 2e-3 },
    ...{ warmUp: 9, iterations: 3, polynomials: 'jordan', steps: 7, combine: 'sum', topK: 'auto' },
  });
  requireEqual('plain', plain.entrant, entrants.adam);
  const [chosen, typed] = entrantsFrom('seppgd-product,seppgd-product:rate=1e-3');
  const rates = [chosen, typed].map(({ entrant }) => entrantAtWidth(entrant, 500).learningRate);
  requireEqual('a rate that is typed stands at every width', rates, [3e-4, 1e-3]);
  const refusals: Readonly<Record<string, RegExp>> = {
    '': /^--runs : use adam, adam-best/,
    'adam,lion': /^--runs lion: use adam, adam-best, seppgd/,
    'muon,muon': /^--runs muon,muon: names one twice/,
    'adam:rate=1e-3:rate=1e-4': /^--runs adam:rate=1e-3:rate=1e-4: gives a key twice/,
    'muon:speed=2':
      /^--runs muon:speed=2: speed: use rate, schedule, warm-up, rest, momentum, iterations, polynomials, seppgd, interleave, steps, k, as rate=1e-3$/,
    'muon:rate': /^--runs muon:rate : use a number above 0/,
    'adam:rest=1':
      /^--runs adam:rest: only muon and shampoo have it: begin with muon or muon-seppgd or shampoo or shampoo-seppgd$/,
    'shampoo:iterations=3': /^--runs shampoo:iterations: only muon has it: begin with muon or muon-seppgd$/,
    'adam:polynomials=jordan': /^--runs adam:polynomials: only muon has it/,
    'muon:polynomials=chebyshev': /^--runs muon:polynomials chebyshev: use minimax, jordan$/,
    'muon:steps=0': /^--runs muon:steps 0: use/,
    'adam:seppgd=mean': /^--runs adam:seppgd mean: use none, sum, product$/,
    'adam:momentum=0.9': /^--runs adam:momentum: only muon and shampoo have it/,
    'muon:interleave=9': /^--runs muon:interleave 9: use a whole number from 1 to 8$/,
    'seppgd:interleave=2': /^--runs seppgd:interleave=2: SepPGD is of the whole grid: add seppgd=none, or leave/,
    'muon:k=3': /^--runs muon:k=3: k is SepPGD's: add seppgd=sum/,
  };
  for (const [text, message] of Object.entries(refusals)) {
    await requireThrows(text, async () => entrantsFrom(text), 'InputError', message);
  }
});

test('a race gives the losses of trainers of their own to the bit, in a table, JSON, CSV and plots', async () => {
  const image = await picture('race.png', 12, 10);
  const options = [
    ...['--runs', 'adam:steps=6,seppgd:rate=1e-3,muon:momentum=0.9:interleave=2:steps=6'],
    ...['--top-k', '3', '--steps', '10', '--target', '9,6'],
  ];
  const { code, stdout, stderr } = await sepnn('race', image, ...small, ...options, '--json');
  requireEqual('exit', [code, stderr], [0, '']);
  const { runs, results, targets, files, shape } = JSON.parse(stdout) as RaceReport;
  requireEqual(
    'report',
    [shape, targets, results.map(({ name }) => name)],
    [[10, 12], [6, 9], runs.map(({ name }) => name)],
  );
  const engine = await openEngine({ adapter: adapter[1] as NonNullable<OpenEngineOptions['adapter']> });
  const data = await prepareImage(image, { gray: true, mask: 0.1, seed: 0 });
  const task = imageTask(imageModel(data, { rank: 5, width: 6, mixed: false, seed: 0 }), data);
  const { model, target, evaluations = {} } = task;
  for (const { entrant, curve, topK, gpuBytes, dispatches, setupSeconds } of runs) {
    const trainer = await Trainer.create(engine, {
      model,
      target,
      evaluations,
      ...trainingOf(entrant, 10, { topK: 3 }),
    });
    requireEqual('k', topK, trainer.preconditioner?.topK ?? []);
    requireEqual(
      'steps',
      curve.map(({ step }) => step),
      entrant.steps === undefined ? [0, 4, 8, 10] : [0, 4, 6],
    );
    for (const { step, seconds, ...measured } of curve) {
      if (step > 0) await trainer.advance(step - trainer.step);
      requireEqual(`step ${step}`, measured, await task.measure(trainer));
      require('held out', measured.psnrHeldOut !== undefined && seconds >= 0);
    }
    require('costs', gpuBytes > 0 && dispatches === trainer.work.step.dispatches && setupSeconds > 0);
    trainer.dispose();
  }
  const [entered, before] = [runs.map(({ name, entrant }) => ({ name, entrant })), engine.memory.buffers];
  const settings = { steps: 10, reportEvery: 4, seed: 0, topK: 3, mostBytes: 1000 };
  await requireThrows(
    'trainers that together take more than is free',
    () => Race.start(engine, task, entered, settings),
    'InputError',
    /^--runs: 3 at once take \d+ bytes, and 1000 are free: name fewer$/,
  );
  requireEqual('none is kept', engine.memory.buffers, before);
  await engine.dispose();
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  requireEqual('kept', JSON.parse(read(files.results)), JSON.parse(stdout));
  requireEqual('lines', read(files.curves).trimEnd().split('\n').length, 1 + 3 + 4 + 3);
  for (const file of [files.plot, files['held out']]) {
    require(file, read(file).startsWith('<svg') && read(file).includes('adam 1e-3, SepPGD sum'));
  }
});

test('a table has who diverged too, and whoever is stopped leaves the curves so far', async () => {
  const image = await picture('blown.png', 8, 8);
  const deep = [
    ...small,
    '--activation',
    'leaky-relu',
    '--depth',
    '24',
    '--steps',
    '8',
    '--mask',
    '0',
    '--out',
    'blown',
  ];
  const one = await sepnn('race', image, ...deep, '--runs', 'adam:rate=10,adam');
  requireEqual('exit', one.code, 0);
  require(one.stderr, /sepnn: adam:rate=10: the loss was not finite at step \d\n/.test(one.stderr));
  require(one.stdout, /│ adam 1e\+1 +│ -?\d/.test(one.stdout) && !one.stdout.includes('held out'));
  const all = await sepnn('race', image, ...deep, '--runs', 'adam:rate=10', '--json');
  requireEqual('exit', all.code, 1);
  require(all.stderr, /\nsepnn: no entrant had a finite loss to the end: lower the rates[^\n]*\n$/.test(all.stderr));

  const out = join(folder, 'stopped');
  const timer = setInterval(() => {
    if (!existsSync(join(out, 'race.partial.csv'))) return; // whoever is killed has this one
    clearInterval(timer);
    process.emit('SIGINT', 'SIGINT');
  }, 1);
  const words = ['race', image, ...small, '--runs', 'adam,seppgd', '--steps', '1000000', '--json', '--out', out];
  const { code, stdout, stderr } = await sepnn(...words).finally(() => clearInterval(timer));
  requireEqual('stopped', [code, stdout], [130, '']);
  const said =
    /^sepnn: SIGINT: stopped at step \d+ of 1000000: the curves so far are in \S+race\.json: to begin again: sepnn race /;
  require(stderr, said.test(stderr));
  const { runs } = JSON.parse(readFileSync(join(out, 'race.json'), 'utf8')) as RaceReport;
  requireEqual('so far', existsSync(join(out, 'race.partial.csv')), false);
  require('curves', runs.length === 2 && runs.every(({ curve }) => curve.length > 0));
});

test('a race is over after its seconds', async () => {
  const image = await picture('timed.png', 8, 8);
  const options = ['--runs', 'adam', '--steps', '10000000', '--seconds', '0.05', '--json', '--out', 'timed'];
  const { runs } = JSON.parse((await sepnn('race', image, ...small, ...options)).stdout) as RaceReport;
  const { step, seconds } = runs[0].curve.at(-1) as { step: number; seconds: number };
  require(`${step} steps in ${seconds} s`, step > 0 && step < 1e6 && seconds >= 0.05);
});

test('race refuses bad input with exit 2 and one line, and writes nothing', async () => {
  const image = await picture('unraced.png', 12, 10);
  const cases: Refusal[] = [
    [[], /missing required argument 'image'/],
    [[image, '--runs', 'lion'], /--runs lion: use adam, adam-best/],
    [[image, '--runs', 'seppgd', '--model', 'mlp'], /--runs seppgd with --model joint-network: SepPGD wants/],
    [[image, '--runs', 'adam:steps=5=6'], /--runs adam:steps 5=6: use a whole number from 1 to/],
    [[image, '--runs', 'seppgd:k=11'], /--runs seppgd:k=11: the shorter axis has 10 points: use k=1 to k=10/],
    [
      [image, '--size', '12x5', '--runs', 'muon:interleave=6'],
      /--runs muon:interleave=6: the shorter axis has 5 points: use interleave=1 to interleave=5/,
    ],
    [[image, '--top-k', '11'], /--top-k 11: the shorter axis has 10 points: use 1 to 10/],
    [[image, '--runs', 'muon,seppgd:k=2', '--top-k', '3'], /--top-k 3: every one of --runs is without SepPGD, or has/],
    [[image, '--target', '30,x'], /--target x: use a number from 0/],
    [[image, '--target', '30,30'], /--target 30,30: names one twice/],
    [[image, '--mask', '1'], /--mask 1: use a number from 0 to 0\.99/],
    [[image, '--rank', '3,4'], /--rank 3,4: 2 numbers for --model cp: give one/],
    [[image, '--channels', 'shared', '--model', 'tucker'], /only cp models share/],
    [[image, '--seconds', '0'], /--seconds 0: use a number above 0/],
    [[image, '--rank', '65536', '--width', '65536'], /bytes, and the adapter binds at most \d+/],
    [[image, '--out', '/proc/nowhere'], /--out \/proc\/nowhere: cannot be written/],
    [[join(folder, 'none.png')], /none\.png: cannot be read/],
  ];
  await requireRefused(cases, args => sepnn('race', ...adapter, '--out', 'unraced', ...args));
  requireUnwritten('unraced');
});
