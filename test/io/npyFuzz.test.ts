/** NPY files of every type and order of random bytes are read as an independent reader reads them. */

import { decodeNpy } from '../../src/io/npy.js';
import { require, requireEqual } from '../helpers/compare.js';
import { readOrRefused } from '../helpers/fuzz.js';
import { random, randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { npyHeaderOf, npyNumber } from '../reference/host/npyReader.js';

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
        // A buffer of Node's is a piece of a pool, and its `slice` none of an array's.
        const read = decodeNpy('x', round % 2 === 0 ? file : Buffer.from(file));
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

const pick = <T>(from: readonly T[]): T => from[randomInteger(0, from.length - 1)];

/** A header as some program may write it, or as none does. */
function someHeader(): string {
  const space = () => pick(['', '', ' ', '  ', '\n', '\t', '\f']);
  const quoted = (text: string) => pick([`'${text}'`, `'${text}'`, `"${text}"`, `u'${text}'`]);
  const mostly = (good: readonly string[], others: readonly string[]) => pick(random() < 0.9 ? good : others);
  const types = mostly(['<f4', '>f8', '=i2', '|u1', '<u1', 'f4', '|b1'], ['|f4', '<f3', '<c8', '<U3', "shape': (9,)"]);
  const shapes = ['()', '(2,)', '(2,3,)', '(2, 3)', '(1,2,3)', '(2L, 3L)', '(0,)', '((2),)'];
  const noShapes = ['(2)', '2', '[2, 3]', '(-1,)', '(02,)', '(,)', '(2,,3)', '(2 3)', '(2.0,)', '(True,)', "('2',)"];
  const entries = [
    [quoted('descr'), mostly([quoted(types)], ["[('x', '<f4')]", '4', 'None'])],
    [quoted('fortran_order'), mostly(['True', 'False'], ['0', "'True'", 'TrueFalse'])],
    [quoted('shape'), mostly(shapes, [...noShapes, '((2,),)', '(2,', '2)', '(9007199254740993,)'])],
  ].sort(() => random() - 0.5);
  if (random() < 0.2) entries.push(pick([entries[0], [quoted('shape'), '(4,)'], [quoted('more'), `'"'`], ['7', '8']]));
  const colon = () => space() + mostly([':'], [':', '=']) + space();
  const written = entries.map(([key, value]) => space() + key + colon() + value + space());
  const after = `${pick(['', ',', ', '])}}${mostly(['\n', '   \n', '', '\n\n'], [' x', '\0'])}`;
  const text = `${space()}{${written.join(',')}${after}`;
  if (random() < 0.7) return text;
  const at = randomInteger(0, text.length - 1);
  return (
    text.slice(0, at) + pick(['', "'", '(', ')', '{', ',', ' ', '\\', '1', 'é']) + text.slice(at + randomInteger(0, 2))
  );
}

test(`${600 * rounds} headers of every version are read as a second reader reads them, or refused by both`, () => {
  let read = 0;
  for (let round = 0; round < 600 * rounds; round++) {
    const version = randomInteger(1, 3);
    const text = new TextEncoder().encode(someHeader());
    const length = [text.length & 255, text.length >> 8, ...(version === 1 ? [] : [0, 0])];
    const start = [0x93, ...new TextEncoder().encode('NUMPY'), version, 0, ...length, ...text];
    const said = npyHeaderOf(Uint8Array.from(start));
    const count = said ? Number(said.type.at(-1)) * said.shape.reduce((product, n) => product * n, 1) : 24;
    if (count > 1000) continue;
    const file = Uint8Array.from([...start, ...new Uint8Array(count)]);
    const what = JSON.stringify(new TextDecoder().decode(text));
    let ours: ReturnType<typeof decodeNpy> | undefined;
    readOrRefused(() => {
      ours = decodeNpy('x', file);
    });
    requireEqual(`${what}: shape`, ours?.shape, said?.shape);
    if (said) read++;
  }
  require(`${read} were read`, read > 20 * rounds);
});
