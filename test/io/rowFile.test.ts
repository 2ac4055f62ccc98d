/** Rows that are kept: what is read again is what was made, and a damaged row is made again. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RowFile } from '../../src/io/rowFile.js';
import { requireEqual, requireThrows } from '../helpers/compare.js';
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

test('a file of rows that cannot be read now is left as it is, and told', async () => {
  const open = () => RowFile.open(folder, 'some', { key: 2 });
  const first = await open();
  await first.of('a', async () => 1);
  const { readFile } = promises;
  promises.readFile = (async () => {
    throw Object.assign(new Error('EMFILE'), { code: 'EMFILE', syscall: 'open' });
  }) as typeof readFile;
  syncBuiltinESMExports();
  const message =
    /\.partial\.jsonl: cannot be read \(too many files are open: see ulimit -n\): take it away to begin again$/;
  try {
    await requireThrows('unreadable', open, 'RunError', message);
  } finally {
    promises.readFile = readFile;
    syncBuiltinESMExports();
  }
  requireEqual('its rows', (await open()).count, 1);
  rmSync(first.path);
  mkdirSync(first.path);
  await requireThrows('a folder', open, 'RunError', /cannot be read \(it is a folder\): take it away to begin again$/);
});
