/** What the self-test says of a family that is wrong. */

import { compared, type Family } from '../../src/cli/doctor/bench.js';
import { testOf } from '../../src/cli/doctor/selfTest.js';
import { Tape } from '../../src/cli/doctor/twins/tape.js';
import type { Engine } from '../../src/graph/engine.js';
import { requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('self-test');
const engine = {} as Engine;

/** @param wrong what one quantity is instead of 4. */
function familyOf(wrong: number): Family {
  return {
    name: 'numbers',
    run: async () => [
      compared('the first', [1, 2.000001], [1, 2], 1e-5),
      compared('the second', [1, wrong], [1, 4], 1e-3),
      compared('the third', [3], [3], 0),
    ],
  };
}

test('a family says which quantity is wrong, and by how much; one that is right what is nearest to wrong', async () => {
  const { passed, quantity, error, checks } = await testOf(familyOf(5), engine);
  requireEqual('wrong', [passed, quantity, error, checks], [false, 'the second', 0.25, 3]);
  const right = await testOf(familyOf(4.001), engine);
  requireEqual('right', [right.passed, right.quantity], [true, 'the second']);
  requireEqual('NaN', (await testOf(familyOf(Number.NaN), engine)).passed, false);
});

test('a number that is exact may not be off by the least, and lists of other lengths are wrong', () => {
  requireEqual('off', compared('one', [1 + 2 ** -23], [1], 0).error > 0, true);
  requireEqual('length', compared('one', [1], [1, 2], 1).error, Number.POSITIVE_INFINITY);
});

test('a family that cannot be run is wrong, with the reason', async () => {
  const refused: Family = { name: 'refused', run: () => Promise.reject(new Error('kernel adam: no such function')) };
  const { passed, reason } = await testOf(refused, engine);
  requireEqual('reason', [passed, reason], [false, 'kernel adam: no such function']);
});

test("the tape's gradients are those of the formula", () => {
  const tape = new Tape();
  const [x, y] = [tape.leaf(0.7), tape.leaf(-1.3)];
  // f = sin(x y) + 3 x y^2
  const product = tape.multiply(x, y);
  const sine = tape.apply(product, z => [Math.sin(z), Math.cos(z)]);
  const f = tape.sum([sine, tape.dot([product, tape.leaf(9)], [y], 3)]);
  tape.differentiate(f);
  const [a, b] = [x.value, y.value];
  const expected = [b * Math.cos(a * b) + 3 * b * b, a * Math.cos(a * b) + 6 * a * b];
  requireClose('gradient', [x.gradient, y.gradient], expected, { relative: 1e-14 });
  tape.differentiate(product);
  requireClose('of another', [x.gradient, y.gradient], [b, a], { relative: 1e-15 });
});
