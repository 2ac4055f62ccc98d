/** What is done to a kernel's text before it is compiled. */

import type { FieldValues } from '../../src/kernel/kernel.js';
import { packStructs } from '../../src/kernel/pack.js';
import { evaluate, integerConstants, specialise } from '../../src/kernel/specialise.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { random, randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('kernel texts');

const flat = (text: string) => text.replace(/\s+/g, ' ').trim();

test('constants take the new value with the suffix of the old one; others stay', () => {
  const source = 'const A = 4u;\nconst B = 2.0f;\nconst C = true;\nconst D = 3u;\n';
  requireEqual(
    'text',
    specialise(source, { A: 8, B: 0.5, C: false }),
    'const A = 8u;\nconst B = 0.5f;\nconst C = false;\nconst D = 3u;\n',
  );
});

test('a number stays of the type that it replaces: float, signed, abstract; what was computed is unsigned', () => {
  const source =
    'const A = 30.0;\nconst B = 1e-3f;\nconst C = -2i;\nconst D = 7;\nconst E = (A + 1u) / 2u;\nconst F = 3f;\n';
  requireEqual(
    'text',
    specialise(source, { A: 2, B: 1e-7, C: -5, D: -1, E: 4, F: 0.5 }),
    'const A = 2f;\nconst B = 1e-7f;\nconst C = -5i;\nconst D = -1;\nconst E = 4u;\nconst F = 0.5f;\n',
  );
});

test('a constant that does not exist is refused by its name', () =>
  requireThrows('unknown', () => specialise('const A = 4u;\n', { WIDTH: 1 }), 'InputError', /no constant WIDTH/));

test('integer constants are computed from those before them, brackets and precedence included', () => {
  const found = integerConstants(
    'const A = 4u;\nconst B = 2u * (A + 1u) - A / 3u;\nconst C = B % 4u;\nconst D = 1.5f;\n',
  );
  requireEqual(
    'constants',
    [...found],
    [
      ['A', 4],
      ['B', 9],
      ['C', 1],
    ],
  );
});

type Written = readonly [text: string, value: number];

/** A sum of products of numbers, or of such in brackets, with its value: NaN where something is divided by zero. */
function written(depth: number): Written {
  const chain = (signs: string, part: () => Written): Written => {
    let [text, value] = part();
    for (let more = randomInteger(0, 2); more > 0; more--) {
      const sign = signs[randomInteger(0, signs.length - 1)];
      const [next, other] = part();
      text += `${sign}${next}`;
      if (sign === '+') value += other;
      else if (sign === '-') value -= other;
      else if (sign === '*') value *= other;
      else value = other === 0 ? Number.NaN : sign === '/' ? Math.trunc(value / other) : value % other;
    }
    return [text, value];
  };
  const factor = (): Written => {
    const [text, value] = depth === 0 || random() < 0.7 ? ['', randomInteger(0, 12)] : written(depth - 1);
    return [text ? `(${text})` : `${value}`, value];
  };
  return chain('+-', () => chain('*/%', factor));
}

test('integer expressions whose parts are zero or negative have their values, and what divides by zero has none', () => {
  for (let trial = 0; trial < 5000; trial++) {
    const [text, value] = written(2);
    requireEqual(text, evaluate(text, new Map()), Number.isNaN(value) ? undefined : value + 0);
  }
});

test('names stand for their values, a minus may stand before any factor, and what is no such expression has no value', () => {
  const known = new Map([
    ['A', 4],
    ['BLOCKS', 3],
  ]);
  const value = (text: string) => evaluate(text, known);
  requireEqual('names', value('A * (BLOCKS - 1u) / 3i'), 2);
  requireEqual('signs', value('-A--BLOCKS*-(2 - 5)'), -4 + 3 * 3);
  for (const text of [
    '',
    'C',
    'A +',
    '* A',
    '(A',
    'A)',
    '()',
    '1 2',
    '2.5',
    '0x10',
    '1e3',
    '3f',
    'min(A, 3)',
    'A << 1',
  ])
    requireEqual(text, value(text), undefined);
});

test('a marked loop is written out with its index as a constant; one that is not stays a loop', () => {
  const source =
    'const N = 2u;\n//# unroll\nfor (var i = 0u; i < N; i++) {\n  a[i] = i;\n}\nfor (var j = 0u; j < N; j++) { b(); }\n';
  const text = flat(specialise(source));
  requireEqual(
    'text',
    text,
    'const N = 2u; { const i = 0u; a[i] = i; } { const i = 1u; a[i] = i; } for (var j = 0u; j < N; j++) { b(); }',
  );
});

test('marked loops inside marked loops are written out, also where the inner bound names the outer index', () => {
  const source =
    '//# unroll\nfor (var i = 0u; i < 3u; i++) {\n//# unroll\nfor (var j = i; j <= 2u; j++) {\nf(i, j);\n}\n}\n';
  const calls = [...specialise(source).matchAll(/const j = (\d)u/g)].map(match => match[1]);
  requireEqual('inner indices', calls, ['0', '1', '2', '1', '2', '2']);
});

test('a marked loop whose bounds are no constants, or that is no loop, is refused', async () => {
  const unbounded = '//# unroll\nfor (var i = 0u; i < count; i++) {\n}\n';
  await requireThrows('bounds', () => specialise(unbounded), 'InputError', /before no loop of constant bounds/);
  await requireThrows('no loop', () => specialise('//# unroll\nlet a = 1;\n'), 'InputError', /before no loop/);
});

test('enables that an imported text asks for come first, each once', () => {
  const text = specialise(
    'const A = 1u;\n//# slot schedule\n',
    {},
    { schedule: '//# enable subgroups\n//# enable subgroups\nconst B = 2u;\n' },
  );
  require('first', text.startsWith('enable subgroups;\nconst A'));
  requireEqual('times', text.split('enable').length - 1, 1);
});

test('slots are filled in their places, each by its own text, whose constants may be set; a loop in one is unrolled', () => {
  const text = specialise(
    'const A = 2u;\n//# slot first\nfn b() {}\n//# slot second\n',
    { LEAK: 0.5 },
    {
      first: 'const LEAK = 0.01f;',
      second: '//# unroll\nfor (var i = 0u; i < A; i++) { f(i); }\n',
      third: 'nothing',
    },
  );
  requireEqual(
    'text',
    flat(text),
    'const A = 2u; const LEAK = 0.5f; fn b() {} { const i = 0u; f(i); } { const i = 1u; f(i); }',
  );
});

test('an unfilled slot is refused by its name', () =>
  requireThrows(
    'slot',
    () => specialise('//# slot activation\n//# slot schedule\n', {}, { activation: '' }),
    'InputError',
    /^specialise: the kernel's slot schedule is empty$/,
  ));

test('structs are packed word behind word, arrays of structs entry by entry, room that is left over as zeros', () => {
  const binding = {
    name: 'problems',
    access: 'read',
    table: true,
    struct: {
      rows: 'u32',
      scale: 'f32',
      axes: { count: 3, struct: { m: 'u32', n: 'u32' } },
    },
  } as const;
  const bytes = packStructs('kernel', binding, [
    {
      rows: 7,
      scale: 0.5,
      axes: [
        { n: 1, m: 3 },
        { n: 2, m: 4 },
      ],
    },
    { rows: 9, scale: 1, axes: [] },
  ]);
  const words = new Uint32Array(bytes.buffer);
  requireEqual('words', [...words], [7, 0x3f000000, 3, 1, 4, 2, 0, 0, 9, 0x3f800000, 0, 0, 0, 0, 0, 0]);
});

test('a field that is missing, no u32, or too long is refused by its path', async () => {
  const binding = {
    name: 's',
    access: 'uniform',
    table: false,
    struct: { n: 'u32', axes: { count: 1, struct: { m: 'u32' } } },
  } as const;
  const refused = (what: string, values: FieldValues, message: RegExp) =>
    requireThrows(what, () => packStructs('kernel', binding, [values]), 'InputError', message);
  await refused('missing', {}, /^kernel: s\.n is missing$/);
  await refused('negative', { n: -1 }, /^kernel: s\.n: -1: use a whole number from 0 to 4294967295$/);
  await refused('fraction', { n: 1.5 }, /^kernel: s\.n: 1\.5: use a whole number from 0 to 4294967295$/);
  await refused('past u32', { n: 2 ** 32 }, /^kernel: s\.n: 4294967296: use a whole number from 0 to 4294967295$/);
  await refused('no list', { n: 1 }, /^kernel: s\.axes is missing$/);
  await refused('too long', { n: 1, axes: [{ m: 1 }, { m: 2 }] }, /^kernel: s\.axes has room for 1$/);
  await refused(
    'within',
    { n: 1, axes: [{ m: -1 }] },
    /^kernel: s\.axes\.m: -1: use a whole number from 0 to 4294967295$/,
  );
});
