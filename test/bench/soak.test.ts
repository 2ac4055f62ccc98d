/**
 * A small portion of the soak: nothing grows. SEPNN_TEST_SOAK multiplies its length, 1 by default.
 */

import { growthOf, type Soaked, soakEngines, soakReplays, soakTrainers } from '../../bench/soak.js';
import { openEngine } from '../../src/public/node.js';
import { require, requireEqual } from '../helpers/compare.js';
import { atEnd, suite } from '../helpers/suite.js';

const test = suite('soak');

const times = Number(process.env.SEPNN_TEST_SOAK ?? 1);
// One that nothing holds on to: see helpers/gpu.ts.
const engine = await openEngine({ adapter: 'embedded' });
atEnd(() => engine.dispose());

/** @param most bytes of the heap and beside it that a turn may add: some code is still compiled, if ever less. */
function requireFlat(soaked: Soaked, most: number): void {
  const { buffers, bytes, handles, heap, external } = growthOf(soaked);
  requireEqual('buffers and their bytes', [buffers, bytes], [0, 0]);
  require(`${handles} handles more`, handles <= 0);
  const turns = soaked[soaked.length - 1].done / 2;
  const grown = (heap + external) / turns;
  require(`${grown} bytes a turn, at most ${most}`, grown <= most);
}

test('engines on a borrowed device leave nothing', async () => {
  const soaked = await soakEngines(engine, 60 * times);
  requireFlat(soaked, 3000);
  requireEqual('buffers', soaked[0].buffers, 0);
});

test('replays of a plan leave nothing', async () => {
  requireFlat(await soakReplays(engine, 3000 * times), 60);
});

test('trainers leave nothing', async () => {
  const soaked = await soakTrainers(engine, 6 * times);
  requireFlat(soaked, 100_000);
  requireEqual('buffers', soaked[0].buffers, 0);
});
