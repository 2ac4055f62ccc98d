/** What is done to a kernel's text before it is compiled. */

import { packStructs } from '../src/kernel/pack.js';
import { integerConstants, specialise } from '../src/kernel/specialise.js';
import { require, requireEqual, requireThrows } from './helpers/compare.js';
import { suite } from './helpers/suite.js';

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
  await requireThrows('bounds', () => specialise(unbounded), 'InputError', /no constants/);
  await requireThrows('no loop', () => specialise('//# unroll\nlet a = 1;\n'), 'InputError', /no plain loop/);
});

test('enables that an imported text asks for come first, each once', () => {
  const text = specialise(
    'const A = 1u;\n//# schedule\n',
    {},
    '//# enable subgroups\n//# enable subgroups\nconst B = 2u;\n',
  );
  require('first', text.startsWith('enable subgroups;\nconst A'));
  requireEqual('times', text.split('enable').length - 1, 1);
});

test('structs are packed at the offsets that reflection gives, arrays of structs with their stride', () => {
  const binding = {
    name: 'problems',
    access: 'read',
    size: 32,
    table: true,
    struct: {
      rows: { offset: 0, type: 'u32' },
      scale: { offset: 4, type: 'f32' },
      axes: { offset: 8, type: 'array', stride: 8, count: 3, struct: { n: { offset: 4, type: 'u32' } } },
    },
  } as const;
  const bytes = packStructs(binding, [
    { rows: 7, scale: 0.5, axes: [{ n: 1 }, { n: 2 }] },
    { rows: 9, scale: 1, axes: [] },
  ]);
  const words = new Uint32Array(bytes.buffer);
  requireEqual('words', [...words], [7, 0x3f000000, 0, 1, 0, 2, 0, 0, 9, 0x3f800000, 0, 0, 0, 0, 0, 0]);
});

test('a field that is missing, no u32, or too long is refused by its path', async () => {
  const binding = { name: 's', access: 'uniform', size: 4, struct: { n: { offset: 0, type: 'u32' } } } as const;
  await requireThrows('missing', () => packStructs(binding, [{}]), 'TypeError', /s\.n is missing/);
  await requireThrows('negative', () => packStructs(binding, [{ n: -1 }]), 'RangeError', /s\.n is -1/);
  await requireThrows('fraction', () => packStructs(binding, [{ n: 1.5 }]), 'RangeError', /s\.n is 1\.5/);
});
