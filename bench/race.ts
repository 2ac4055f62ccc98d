/**
 * The races that README.md and the notes show, for a machine that does nothing else meanwhile: that of the README's
 * picture, which is put into docs/, and one at the paper's size.
 *
 *   npm run race -- IMAGE [--adapter NAME] [--only picture|paper] [--out DIR]
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wordsOf } from '../scripts/words.js';

const { values, positionals } = wordsOf({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'auto' },
    only: { type: 'string' },
    out: { type: 'string', default: 'sepnn-race' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const races = {
  picture: ['--size', '128', '--steps', '400'],
  // Each as long as it takes to 40 dB, or to three times the seconds of the first that is at 35.
  paper: [
    ...['--size', '512', '--rank', '500', '--width', '500', '--mask', '0', '--steps', '300', '--runs'],
    'seppgd:steps=800,seppgd-product:steps=450,adam-best,muon:rate=3e-2,shampoo,shampoo-seppgd:steps=200',
  ],
} as const;

for (const [name, words] of Object.entries(races)) {
  if (values.only !== undefined && values.only !== name) continue;
  const out = join(values.out, name);
  const options = ['--gray', ...words, '--adapter', values.adapter, '--out', out];
  const { status } = spawnSync(process.execPath, [`${root}dist/cli.js`, 'race', ...positionals, ...options], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
  if (name === 'picture') copyFileSync(join(out, 'race.svg'), `${root}docs/race.svg`);
}
