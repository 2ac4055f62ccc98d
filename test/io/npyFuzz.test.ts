/** NPY files of every type and order of random bytes are read as an independent reader reads them. */

import { decodeNpy } from '../../src/io/npy.js';
import { requireEqual } from '../helpers/compare.js';
import { randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { npyNumber } from '../reference/host/npyReader.js';

const test = suite('random NPY files');
const rounds = Number(process.env.SEPNN_TEST_NPY_ROUNDS ?? 4);

function npyOf(described: string, isFortran: boolean, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const order = isFortran ? 'True' : 'False';
  const header = `{'descr': '${described}', 'fortran_order': ${order}, 'shape': (${tuple}), }\n`;
  const count = Number(described[2]) * shape.reduce((product, n) => product * n, 1);
  const bytes = [
    0x93,
    ...new TextEncoder().encode('NUMPY'),
    1,
    0,
    header.length,
    0,
    ...new TextEncoder().encode(header),
  ];
  // Many bytes of all ones and none: infinities, NaN, subnormals, the ends of integers.
  const random = Array.from({ length: count }, () => [0, 255, 127, 128, randomInteger(0, 255)][randomInteger(0, 4)]);
  return Uint8Array.from([...bytes, ...random]);
}

test('every number of arrays of no to four axes is the one at its index, whatever type and order they are of', () => {
  const types = [
    '|u1',
    '|i1',
    ...['u2', 'u4', 'u8', 'i2', 'i4', 'i8', 'f2', 'f4', 'f8'].flatMap(t => [`<${t}`, `>${t}`]),
  ];
  for (let round = 0; round < rounds; round++) {
    for (const type of types) {
      for (const isFortran of [false, true]) {
        const shape = Array.from({ length: randomInteger(0, 4) }, () => randomInteger(1, 5));
        const file = npyOf(type, isFortran, shape);
        const read = decodeNpy('x', file);
        const what = `${type} of (${shape}), Fortran's order ${isFortran}`;
        requireEqual(`${what}: shape`, read.shape, shape);
        requireEqual(
          `${what}: count`,
          read.data.length,
          shape.reduce((product, n) => product * n, 1),
        );
        read.data.forEach((value: number, at: number) => {
          let rest = at;
          const index = shape.map((_, axis) => {
            const stride = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
            const i = Math.floor(rest / stride);
            rest -= i * stride;
            return i;
          });
          const expected = npyNumber(file, index);
          if (!Object.is(value, expected)) requireEqual(`${what} at (${index})`, value, expected);
        });
      }
    }
  }
});
