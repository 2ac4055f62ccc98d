/** How the command refuses words that it does not know: in one line that says what would do. */

import { sepnn } from '../helpers/command.js';
import { require, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('usage');

test('no command, an unknown one, and options that are unknown, or lack a value, are refused with what was meant or where all are', async () => {
  const refused: readonly (readonly [string[], string])[] = [
    [[], 'no command: see sepnn --help'],
    [['fitt', 'photo.png'], "unknown command 'fitt': did you mean fit?"],
    [['paint'], "unknown command 'paint': see sepnn --help"],
    [['fit'], "missing required argument 'image': see sepnn fit --help"],
    [
      ['fit', 'photo.png', 'other.png'],
      "too many arguments for 'fit'. Expected 1 argument but got 2: see sepnn fit --help",
    ],
    [['fit', 'photo.png', '--optimizer', 'adam'], "unknown option '--optimizer': did you mean --optimiser?"],
    [['fit', 'photo.png', '--grey'], "unknown option '--grey': did you mean --gray?"],
    [['pde', 'heat', '--epochs', '3'], "unknown option '--epochs': see sepnn pde --help"],
    [
      ['fit', 'photo.png', '--save-every', '1e-300'],
      '--save-every 1e-300: use a number that float32 holds from 0 to 1000000',
    ],
    [
      ['fit', 'photo.png', '--lr', '1e-300'],
      '--learning-rate 1e-300: use a number that float32 holds above 0, up to 10',
    ],
    [['bench', '--against', 'torch'], '--against torch: use tfjs, jax-js, or none'],
    [['bench', '--only', 'none'], '--only none: use products, kernels, eigen, steps, equations, growth'],
    [['render', 'model', '--size'], "option '--size <N|WxH|N,N,..>' argument missing: see sepnn render --help"],
  ];
  for (const [words, said] of refused) {
    const { code, stdout, stderr } = await sepnn(...words);
    requireEqual(words.join(' '), [code, stdout, stderr], [2, '', `sepnn: ${said}\n`]);
  }
});

test('defaults that are lists stand in the help as they are typed', async () => {
  for (const [command, list] of [
    ['race', '30,35,40'],
    ['krr', 'mlp,mlp-msk,sepnn,sepnn-msk,sepnn-seppgd'],
    ['reproduce', '0'],
    ['pde', 'plain'],
  ]) {
    const { stdout } = await sepnn(command, '--help');
    require(`${command}: ${list}`, stdout.replaceAll(/\s+/g, ' ').includes(`(default: ${list})`));
    require(`${command} has no JSON`, !/default: *\[/.test(stdout));
  }
});
