/** Rows that are kept: what is read again is what was made, and a damaged row is made again. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RowFile } from '../../src/io/rowFile.js';
import { requireEqual } from '../helpers/compare.js';
import { atEnd, suite } from '../helpers/suite.js';

const test = suite('kept rows');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-rows-'));
atEnd(async () => rmSync(folder, { recursive: true }));

test('a row is read as it was made, NaN and infinities too; one that was damaged, cut or put there by another is made again', async () => {
  const row = { values: [1, Number.NaN, Number.NEGATIVE_INFINITY, 1e-300], name: 'a' };
  const open = () => RowFile.open(folder, 'some', { key: 1 });
  const first = await open();
  await first.of('a', async () => row);
  await first.of('b', async () => [2]);
  const again = await open();
  requireEqual('count', again.count, 2);
  requireEqual('as it was', await again.of<unknown>('a', async () => 'anew'), row);
  const lines = readFileSync(first.path, 'utf8').split('\n');
  for (const damaged of [
    lines[1].replace('1e-300', '1e-30'),
    lines[1].replace('"digest"', '"digits"'),
    lines[1].slice(0, -3),
    '{"name":"a","row":{}}',
    '5',
    'null',
    '[]',
  ]) {
    writeFileSync(first.path, `${[lines[0], damaged, lines[2]].join('\n')}\n`);
    const found = await open();
    requireEqual(
      damaged,
      [found.count, await found.of<unknown>('a', async () => 'anew'), await found.of<unknown>('b', async () => 'anew')],
      [1, 'anew', [2]],
    );
  }
});
