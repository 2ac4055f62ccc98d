/** The optimiser, its schedule and its clipping as the command's words make them. */

import { addFitOptions, type FitOptions } from '../../src/cli/fit/options.js';
import { requireConsistent } from '../../src/cli/training/options.js';
import { requireSameOptions } from '../../src/cli/training/record.js';
import { Command } from '../../src/cli/vendor.js';
import { optimiserOf } from '../../src/experiments/optimisers.js';
import { learningRateAt } from '../../src/optimiser/optimiser.js';
import { requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('optimisers of the command');

const chosen = ['--optimiser', 'adam', '--lr', '1e-4', '--schedule', 'constant', '--rank', '8', '--steps', '9'];

function optionsOf(...words: string[]): FitOptions {
  return addFitOptions(new Command())
    .parse([...chosen, ...words, '--preconditioner', 'none'], { from: 'user' })
    .opts<FitOptions>();
}

test('--optimiser, --schedule and --warm-up give the optimiser and its rate at every step', () => {
  const cases: readonly (readonly [words: string, name: string, rates: readonly number[]])[] = [
    ['', 'adam', [1, 1, 1, 1]],
    ['--optimiser sgd --schedule cosine', 'sgd', [1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0]],
    ['--optimiser shampoo --schedule step', 'shampoo', [1, 1, 0.1, 0.01]],
    ['--optimiser muon --schedule step', 'muon', [1, 1, 0.1, 0.01]],
    ['--optimiser adam --schedule linear', 'adam', [1, 0.75, 0.5, 0]],
    [
      '--optimiser muon --clip 2 --schedule cosine --warm-up 50',
      'muon',
      [0.02, (0.5 + Math.SQRT1_2 / 2) * 0.52, 0.5, 0],
    ],
  ];
  for (const [words, name, rates] of cases) {
    const optimiser = optimiserOf(optionsOf('--lr', '1', ...words.split(' ').filter(Boolean)), 100);
    requireEqual(words, optimiser.name, name);
    const found = [0, 25, 50, 100].map(step => learningRateAt(optimiser.learningRate, step));
    requireClose(words, found, rates, { absolute: 1e-12 });
  }
});

test('a file of before there was a choice is one of Adam at a constant rate; a schedule belongs to its number of steps', async () => {
  const recordOf = ({ resume: _, ...options }: FitOptions) => JSON.parse(JSON.stringify(options));
  const { optimiser: _, schedule: __, ...before } = recordOf(optionsOf());
  requireSameOptions(optionsOf('--steps', '7'), before);
  const refused = (now: FitOptions, then: Readonly<Record<string, unknown>>, message: RegExp) =>
    requireThrows(`${message}`, async () => requireSameOptions(now, then), 'InputError', message);
  await refused(optionsOf('--optimiser', 'muon'), before, /--optimiser was adam and is muon/);
  const rival = { ...optionsOf(), preconditioner: 'msk', topK: 3, modulation: 'flat', refresh: 10 } as const;
  await refused(optionsOf(), recordOf(rival), /: --preconditioner was msk and is none: give the same/);
  await refused({ ...rival, topK: 4 }, recordOf(rival), /: --top-k was 3 and is 4: give the same/);
  // Before, a rival and a plain run recorded what they had by default.
  requireSameOptions(rival, { ...recordOf(rival), combine: 'sum' });
  requireSameOptions(optionsOf(), { ...recordOf(optionsOf()), combine: 'sum', topK: 3 });
  const cosine = optionsOf('--schedule', 'cosine', '--steps', '9', '--clip', '2');
  requireSameOptions(cosine, recordOf(cosine));
  await refused(
    { ...cosine, steps: 10 },
    recordOf(cosine),
    /: --steps was 9 and is 10, by which --schedule cosine goes: give the same/,
  );
  const more = /: --steps was 9 and is 10, .*: all of its 9 steps are made: give --resume-anyway for more$/;
  const atEnd = async () => requireSameOptions({ ...cosine, steps: 10 }, recordOf(cosine), 9);
  await requireThrows('at its end', atEnd, 'InputError', more);
  await refused({ ...cosine, clip: 3 }, recordOf(cosine), /: --clip was 2 and is 3: give the same/);
  const batches = optionsOf('--interleave', '2,3', '--optimiser', 'muon', '--momentum', '0.98');
  requireSameOptions(optionsOf('--interleave', '2,3', '--optimiser', 'muon', '--momentum', '0.98'), recordOf(batches));
  await refused({ ...batches, interleave: 2 }, recordOf(batches), /--interleave was 2,3 and is 2: give the same/);
  requireSameOptions(optionsOf('--interleave', '2,2'), recordOf(optionsOf('--interleave', '2')));
  await refused({ ...batches, momentum: 0.9 }, recordOf(batches), /--momentum was 0.98 and is 0.9: give the same/);
});

test('options that are out of range are refused, and batches that a grid does not have', async () => {
  const refused = (words: string, message: RegExp) =>
    requireThrows(words, async () => requireConsistent(optionsOf(...words.split(' ')), 2), 'InputError', message);
  await refused('--optimiser lion', /^--optimiser lion: use adam, sgd, muon, shampoo$/);
  await refused('--schedule power', /^--schedule power: use constant, cosine, linear, step$/);
  await refused('--warm-up 0', /^--warm-up 0: use a whole number from 1/);
  await refused('--clip 0', /^--clip 0: use a number above 0/);
  await refused('--optimiser muon --rest lion', /^--rest lion: use adam, sgd$/);
  await refused('--optimiser sgd --momentum 1', /^--momentum 1: use a number from 0/);
  await refused('--interleave 0', /^--interleave 0: use a whole number from 1/);
  await refused('--interleave 2,2,2', /^--interleave 2,2,2: 3 numbers for 2 axes: give one, or 2$/);
  await refused('--interleave 9', /^--interleave 9: 81 sub-grids: use numbers that make at most 64$/);
  await refused(
    '--interleave 2 --compare',
    /^--interleave 2 with --compare: no preconditioner has batches to compare: /,
  );
  const preconditioned = { ...optionsOf('--interleave', '2'), preconditioner: 'seppgd' } as const;
  const message =
    /^--interleave 2 with --preconditioner seppgd: its eigenvectors are of the whole grid: leave one of them out$/;
  await requireThrows('preconditioned', async () => requireConsistent(preconditioned, 2), 'InputError', message);
});
