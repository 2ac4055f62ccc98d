/** `sepnn krr` as a user runs it: what it prints, what it writes, and how it refuses. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KrrReport } from '../../src/cli/krr/command.js';
import { type MethodName, methodNames, methods } from '../../src/experiments/krr/methods.js';
import { adapter, folder, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('krr');

const smallKrr = [
  ...['--points', '6', '--rank', '5', '--width', '7', '--steps', '25', '--report-every', '10', '--within', '12'],
  ...['--top-k', '3', '--msk-top-k', '2', ...adapter],
];

const few: readonly MethodName[] = ['mlp-msk', 'sepnn-seppgd'];

test('krr --json prints one object whose means and medians are those of its runs, and writes curves and plots', async () => {
  const { code, stdout, stderr } = await sepnn(
    ...['krr', '--function', 'f2', ...smallKrr, '--seeds', '3', '--methods', few.join(','), '--json'],
  );
  requireEqual('exit', [code, stderr], [0, '']);
  const { means, medians, runs, files, settings } = JSON.parse(stdout) as KrrReport;
  requireEqual('settings', [settings.function, settings.points, settings.noise], ['f2', 6, [0, 0.01]]);
  requireEqual(
    'runs',
    runs.map(({ method, noise, seed }) => [noise, seed, method]),
    [0, 0.01].flatMap(noise => [0, 1, 2].flatMap(seed => few.map(method => [noise, seed, method]))),
  );
  for (const { curve, setupSeconds, method, noise } of runs) {
    requireEqual(
      'steps',
      curve.map(({ step }) => step),
      [0, 10, 12, 20, 25],
    );
    requireClose('the setup is counted in', [curve[0].seconds], [setupSeconds], {});
    require('time goes on', curve.every(({ seconds }, i) => i === 0 || seconds > curve[i - 1].seconds));
    require(`${method} learnt`, curve[4].trainingMse < curve[0].trainingMse);
    require('noise', noise > 0 || curve[0].testMse !== curve[4].testMse);
  }
  for (const { method, noise, bestWithin, best, curve } of medians) {
    const own = runs.filter(run => run.method === method && run.noise === noise);
    const middle = (pick: (run: (typeof runs)[number]) => number) => own.map(pick).sort((a, b) => a - b)[1];
    const upTo = (last: number) =>
      middle(run => Math.min(...run.curve.filter(({ step }) => step <= last).map(({ testMse }) => testMse)));
    requireEqual('medians', [bestWithin, best], [upTo(12), upTo(25)]);
    requireEqual(
      'curve',
      curve.map(({ testMse }) => testMse),
      curve.map((_, i) => middle(run => run.curve[i].testMse)),
    );
  }
  means.forEach(({ method, noise, bestWithin, best, setupSeconds, msPerStep, curve }, i) => {
    requireEqual('of the same case', [method, noise], [medians[i].method, medians[i].noise]);
    const own = runs.filter(run => run.method === method && run.noise === noise);
    const over = (pick: (run: (typeof runs)[number]) => number) => own.reduce((sum, run) => sum + pick(run) / 3, 0);
    const upTo = (last: number) =>
      over(run => Math.min(...run.curve.filter(({ step }) => step <= last).map(({ testMse }) => testMse)));
    requireClose('means', [bestWithin, best, setupSeconds], [upTo(12), upTo(25), over(run => run.setupSeconds)], {
      relative: 1e-12,
    });
    require('ms', msPerStep > 0);
    const curves = curve.flatMap(({ seconds, testMse }) => [seconds, testMse]);
    const expected = curve.flatMap((_, at) => [over(run => run.curve[at].seconds), over(run => run.curve[at].testMse)]);
    requireClose('curve', curves, expected, { relative: 1e-12 });
  });
  const written = readFileSync(join(folder, files.curves), 'utf8').trimEnd().split('\n');
  requireEqual('rows', [written.length, written[0].split(',').length], [1 + runs.length * 5, 7]);
  requireEqual('results', JSON.parse(readFileSync(join(folder, files.results), 'utf8')), JSON.parse(stdout));
  const plots = Object.values(files).filter(path => path.endsWith('.svg'));
  requireEqual('plots', plots.length, 4);
  for (const path of plots) require(path, readFileSync(join(folder, path), 'utf8').startsWith('<svg'));
});

test('krr prints a table and paths, and a bar on stderr', async () => {
  const options = ['--function', 'f1', ...smallKrr, '--seeds', '1', '--noise', '0.1'];
  const { code, stdout, stderr } = await sepnn('krr', ...options, '--out', 'krr-table');
  requireEqual('exit', code, 0);
  const rows = stdout.split('\n').filter(line => line.includes('│ 0.1 '));
  const labels = methodNames.map(name => methods[name].label);
  requireEqual(
    'every method',
    rows.map(line => line.split('│')[1].trim()),
    labels,
  );
  require(stdout, stdout.includes('best to 12') && stdout.includes('krr-table/step-noise-0.1.svg'));
  require(stderr, /step 125\/125 \| SepNN, SepPGD, noise 0\.1, seed 0/.test(stderr));
});

test('krr refuses bad input with exit 2 and one line, and writes nothing', async () => {
  const cases: Refusal[] = [
    [[], /required option '--function <name>' not specified/],
    [['--function', 'f4'], /--function f4: use f1, f2, f3/],
    [['--function', 'f1', '--methods', 'sepnn,sgd'], /--methods sgd: use mlp, mlp-msk, sepnn, sepnn-msk, sepnn-seppgd/],
    [['--function', 'f1', '--methods', 'sepnn,sepnn'], /--methods sepnn,sepnn: names one twice/],
    [['--function', 'f1', '--noise', '0,-1'], /--noise -1: use a number from 0 to 10/],
    [['--function', 'f1', '--noise', ''], /--noise : use a number from 0 to 10/],
    [['--function', 'f1', '--spread', 'even'], /--spread even: use regular, drawn/],
    [['--function', 'f1', '--points', '1'], /--points 1: use a whole number from 2/],
    [['--function', 'f1', '--top-k', '31'], /--top-k 31: an axis has 30 points: use 1 to 30/],
    [['--function', 'f1', '--msk-top-k', '901'], /--msk-top-k 901: there are 900 points: use 1 to 900/],
    [
      ['--function', 'f1', '--methods', 'sepnn-msk', '--points', '512', '--rank', '2', '--width', '2'],
      /msk: a tangent kernel of 262144 points .* bytes, and the adapter binds at most \d+, that is \d+ points/,
    ],
    [
      ['--function', 'f1', '--methods', 'mlp-msk', '--top-k', '3'],
      /--top-k 3: none of --methods has it: add sepnn-seppgd/,
    ],
    [['--function', 'f1', '--methods', 'sepnn', '--msk-top-k', '3'], /--msk-top-k 3: none of --methods has it: add/],
    [['--function', 'f1', '--lr', '0'], /--learning-rate 0: use a number above 0/],
    [['--function', 'f1', '--learning-rate', 'x'], /--learning-rate x: use a number above 0/],
    [['--function', 'f1', '--seeds', '0'], /--seeds 0: use a whole number from 1/],
    [['--function', 'f1', '--rank', '65536', '--width', '65536'], /bytes, and the adapter binds at most \d+/],
    [['--function', 'f1', '--activation', 'gelu'], /--activation gelu: use sine/],
    [['--function', 'f1', '--out', '/proc/nowhere'], /--out \/proc\/nowhere: cannot be written/],
    [['--function', 'f1', 'more'], /too many arguments/],
  ];
  await requireRefused(cases, args => sepnn('krr', ...adapter, '--out', 'krr-refused', ...args));
  requireUnwritten('krr-refused');
});
