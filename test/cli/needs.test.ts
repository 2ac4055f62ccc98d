/** Options that mean nothing beside the others: refused where they are typed, left out of what is recorded where a default set them. */

import { join } from 'node:path';
import type { FitReport } from '../../src/cli/fit/command.js';
import { addFitOptions, fitNeeds } from '../../src/cli/fit/options.js';
import { type Needs, requireMeaning, withoutIdle } from '../../src/cli/training/needs.js';
import { modelNeeds } from '../../src/cli/training/options.js';
import { Command } from '../../src/cli/vendor.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { adapter, folder, picture, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('needs');
const needs: Needs<object> = { ...modelNeeds, ...fitNeeds } as Needs<object>;

/** Whatever the table has: words in vain, what is said of them, and words beside which they mean something. */
const cases: Readonly<Record<string, readonly [idle: string, message: RegExp, meant: string]>> = {
  rank: [
    '--rank 5 --model mlp',
    /^--rank 5 with --model joint-network: only cp, tensor-train and tucker have ranks: leave one of them out$/,
    '--rank 5 --model tt',
  ],
  width: [
    '--width 5 --depth 1',
    /^--width 5 with --depth 1: one layer has no hidden units: /,
    '--width 5 --depth 1 --fourier 2',
  ],
  omega: ['--omega 5 --depth 1', /^--omega 5 with --depth 1: one layer has no hidden units: /, '--omega 5 --depth 2'],
  decoderActivation: [
    '--decoder-activation sine',
    /^--decoder-activation sine: there is no decoder: give --decoder 64 too$/,
    '--decoder-activation sine --decoder 3',
  ],
  group: [
    '--group 2,3 --preconditioner msk',
    /^--group 2,3 with --preconditioner msk: only iga has groups: leave one of them out$/,
    '--group 2,3 --preconditioner iga',
  ],
  combine: [
    '--combine sum --preconditioner msk',
    /^--combine sum with --preconditioner msk: only seppgd has axes to combine: /,
    '--combine sum --preconditioner seppgd',
  ],
  topK: [
    '--top-k auto --preconditioner none',
    /^--top-k auto with --preconditioner none: only seppgd, msk and iga modulate eigenpairs: leave one of them out$/,
    '--top-k 4 --preconditioner iga',
  ],
  modulation: [
    '--modulation flat --preconditioner none',
    /^--modulation flat with --preconditioner none: only seppgd, msk and iga modulate eigenpairs: /,
    '--modulation flat --preconditioner msk',
  ],
  refresh: [
    '--refresh 10 --preconditioner none',
    /^--refresh 10 with --preconditioner none: only seppgd, msk and iga are refreshed: /,
    '--refresh 10 --preconditioner msk',
  ],
  momentum: [
    '--momentum 0.9 --optimiser adam',
    /^--momentum 0\.9 with --optimiser adam: only sgd, muon and shampoo have one: leave one of them out$/,
    '--momentum 0.9 --optimiser sgd',
  ],
  restRate: [
    '--rest-rate 1 --optimiser sgd',
    /^--rest-rate 1 with --optimiser sgd: only muon and shampoo have another beside them: /,
    '--rest-rate 1 --optimiser muon',
  ],
  rest: [
    '--rest sgd --optimiser adam',
    /^--rest sgd with --optimiser adam: only muon and shampoo have another beside them: /,
    '--rest sgd --optimiser muon',
  ],
  resumeAnyway: [
    '--resume-anyway',
    /^--resume-anyway: there is nothing to go on from: give --resume FILE too$/,
    '--resume-anyway --resume x',
  ],
  patience: [
    '--patience 5',
    /^--patience 5: there is no validation to wait for: give --validate 0\.05 too$/,
    '--patience 5 --validate 0.1',
  ],
};

test('an option that is typed in vain is refused, and not where it means something or is still to be chosen', async () => {
  requireEqual('all', Object.keys(cases).sort(), Object.keys(needs).sort());
  for (const [name, [idle, message, meant]] of Object.entries(cases)) {
    const check = (words: string) => {
      const command = addFitOptions(new Command()).parse(words.split(' '), { from: 'user' });
      requireMeaning(command, command.opts(), needs);
      return withoutIdle(command.opts(), needs) as Readonly<Record<string, unknown>>;
    };
    await requireThrows(idle, async () => check(idle), 'InputError', message);
    require(`${meant}: is kept`, check(meant)[name] !== undefined);
  }
  const command = addFitOptions(new Command()).parse(['--momentum', '0.5', '--top-k', '5'], { from: 'user' });
  requireMeaning(command, command.opts(), needs);
});

const tiny = [
  '--gray',
  '--schedule',
  'constant',
  '--rank',
  '4',
  '--width',
  '4',
  '--steps',
  '4',
  '--lr',
  '1e-3',
  ...adapter,
];

test('the commands refuse what is typed in vain before anything is written', async () => {
  const image = await picture('needs.png', 12, 10);
  const cases: Refusal[] = [
    [['fit', image, '--preconditioner', 'none', '--top-k', '5'], /--top-k 5 with --preconditioner none: only/],
    [
      ['fit', image, '--preconditioner', 'none', '--combine', 'product'],
      /--combine product with --preconditioner none/,
    ],
    [['fit', image, '--interleave', '2', '--refresh', '5'], /--refresh 5 with --preconditioner none: only/],
    [['fit', image, '--preset', 'paper', '--momentum', '0.5'], /--momentum 0\.5 with --optimiser adam: only/],
    [
      ['fleet', folder, '--preconditioner', 'none', '--modulation', 'sqrt'],
      /--modulation sqrt with --preconditioner none/,
    ],
    [['fleet', folder, '--rest-rate', '0.5'], /--rest-rate 0\.5 with --optimiser adam: only muon and shampoo/],
    [['surface', 'none.obj', '--preconditioner', 'none', '--top-k', '9'], /--top-k 9 with --preconditioner none: only/],
    [['race', image, '--decoder-activation', 'sine'], /--decoder-activation sine: there is no decoder/],
  ];
  await requireRefused(cases, args => sepnn(...args, ...adapter, '--out', 'unneeded'));
  requireUnwritten('unneeded');
});

test('a plain run records nothing of a preconditioner, and goes on from its file and from one that does', async () => {
  const image = await picture('plain.png', 12, 10);
  const names = ['combine', 'topK', 'modulation', 'refresh', 'group'];
  const has = (record: object) => names.filter(name => name in record);
  const fit = (out: string, ...more: string[]) => sepnn('fit', image, ...tiny, ...more, '--out', out, '--json');
  const recordIn = async (out: string) => (await readModel(join(folder, out, 'model.safetensors'))).training;
  for (const words of [
    ['--preconditioner', 'none'],
    ['--preset', 'paper', '--preconditioner', 'none'],
    ['--interleave', '2'],
  ]) {
    const out = `plain-of${words[0]}`;
    const { code, stdout, stderr } = await fit(out, ...words);
    requireEqual(`${words}`, [code, stderr], [0, '']);
    requireEqual(`${words}`, has((JSON.parse(stdout) as FitReport).settings), []);
    requireEqual(`${words}`, has(await recordIn(out)), []);
  }
  const rest = await fit(
    'plain-rest',
    '--interleave',
    '2',
    '--steps',
    '6',
    '--resume',
    'plain-of--interleave/model.safetensors',
  );
  requireEqual('goes on', [rest.code, rest.stderr], [0, '']);
  await fit('preconditioned', '--preconditioner', 'msk', '--top-k', '3');
  requireEqual('of a rival', has(await recordIn('preconditioned')), ['topK', 'modulation', 'refresh']);
});
