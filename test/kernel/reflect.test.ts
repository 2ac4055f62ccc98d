/** What a kernel's text says of itself, against another reader of WGSL; and what is refused of a host's own text. */

import {
  ArrayInfo,
  Const,
  ResourceType,
  StructInfo,
  type TypeInfo,
  type VariableInfo,
  WgslExec,
  WgslParser,
  WgslReflect,
} from 'wgsl_reflect/wgsl_reflect.module.js';
import { kernelsAndSlots, wholeModule } from '../../scripts/kernels.js';
import { dispatch } from '../../src/kernel/dispatch.js';
import type { BindingLayout, FieldLayout, Kernel, SlotText, StructLayout } from '../../src/kernel/kernel.js';
import { kernelOf, slotText } from '../../src/kernel/reflect.js';
import { specialise } from '../../src/kernel/specialise.js';
import { everyConstants, everyKernel, everySlotText, fillingsOf } from '../helpers/acceptance.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('reflection');

const texts = kernelsAndSlots();
const files = Object.entries(texts);
const isKernel = (one: Kernel | SlotText): one is Kernel => 'bindings' in one;
const kernels = files.filter((entry): entry is [string, Kernel] => isKernel(entry[1]));

/** A text as wgsl_reflect can read it, which takes `n-1u` for two numbers and knows neither lists of extensions nor matrices of subgroups. */
function readable(text: string): string {
  return text
    .replace(/^enable .*;\n/gm, '')
    .replace(/\bsubgroup_matrix_\w+<.*?>/g, 'mat4x4f')
    .replace(/\b(subgroupMatrix(?:Load|Store))<.*?>/g, '$1')
    .replace(/(?<=[\w)\]])(?<!\d\.?e)-(?=[\d.])/g, ' - ');
}

/** The struct as our layouts have it, its fields being word behind word, or where it is not so an error. */
function layoutOf(what: string, { name, members, size }: StructInfo): StructLayout {
  const layout: Record<string, FieldLayout> = {};
  let at = 0;
  for (const member of members) {
    const { type } = member;
    requireEqual(`${what}: offset of ${name}.${member.name}`, member.offset, at);
    if (type instanceof ArrayInfo) {
      require(`${what}: ${name}.${member.name} is an array of ${type.format.name}`, type.format instanceof StructInfo);
      requireEqual(`${what}: stride of ${name}.${member.name}`, type.stride, type.format.size);
      requireEqual(`${what}: size of ${name}.${member.name}`, member.size, type.count * type.stride);
      layout[member.name] = { struct: layoutOf(what, type.format), count: type.count };
    } else {
      require(`${what}: ${name}.${member.name} is of type ${type.name}`, type.name === 'u32' || type.name === 'f32');
      requireEqual(`${what}: size of ${name}.${member.name}`, member.size, 4);
      layout[member.name] = type.name;
    }
    at += member.size;
  }
  requireEqual(`${what}: size of ${name}`, size, at);
  return layout;
}

/** A binding as our reflection would have it. */
function bindingOf(what: string, variable: VariableInfo): BindingLayout {
  const { name, type, resourceType } = variable;
  const isArray = type instanceof ArrayInfo;
  const element: TypeInfo = isArray ? type.format : type;
  const access =
    resourceType === ResourceType.Uniform ? 'uniform' : variable.access === 'read_write' ? 'read_write' : 'read';
  if (!(element instanceof StructInfo)) return { name, access };
  if (isArray) requireEqual(`${what}: stride of ${name}`, type.stride, element.size);
  return { name, access, struct: layoutOf(what, element), table: isArray };
}

test('the kernels and the texts for slots are those of the files, as they are generated', () => {
  const given = [...everyKernel, ...Object.values(everySlotText).flat()];
  const byName = (all: readonly (Kernel | SlotText)[]) =>
    all.map(one => JSON.stringify(one, ['name', 'source'])).sort();
  const names = (all: readonly (Kernel | SlotText)[]) => all.map(({ name }) => name).sort();
  requireEqual('names', names(given), names(files.map(([, one]) => one)));
  requireEqual('texts', byName(given), byName(files.map(([, one]) => one)));
  requireEqual('names apart', new Set(given.map(({ name }) => name)).size, given.length);
  for (const [path, { name, constants }] of files) {
    requireEqual(`${path}: constants`, everyConstants[`${name}Constants`], constants);
  }
});

test('every kernel: names, order, access and structs of its bindings are those that wgsl_reflect finds', () => {
  for (const [path, kernel] of kernels) {
    const groups = new WgslReflect(readable(wholeModule(path, texts))).getBindGroups();
    requireEqual(`${path}: groups`, groups.length, 1);
    const found = groups[0].map((variable, at) => {
      requireEqual(`${path}: number of ${variable.name}`, [variable.group, variable.binding], [0, at]);
      return bindingOf(path, variable);
    });
    requireEqual(`${path}: bindings`, found, kernel.bindings);
  }
});

test('every kernel with every text in its slots: the values of its constants are those that wgsl_reflect computes', () => {
  let compared = 0;
  for (const kernel of everyKernel) {
    for (const filling of fillingsOf(kernel)) {
      const filled = Object.entries(filling);
      const what = [kernel.name, ...filled.map(([, { name }]) => name)].join(', ');
      const sources = Object.fromEntries(filled.map(([slot, { source }]) => [slot, source]));
      const ast = new WgslParser().parse(readable(specialise(kernel.source, {}, sources)));
      const names = ast.flatMap(node =>
        node instanceof Const && /^[A-Z_][A-Z0-9_]*$/.test(node.name) ? node.name : [],
      );
      const computed = new WgslExec(ast.filter(node => node instanceof Const));
      computed.execute();
      const every = [kernel, ...filled.map(([, text]) => text)].map(({ name }) => everyConstants[`${name}Constants`]);
      const ours = Object.fromEntries(every.flatMap(constants => Object.entries(constants ?? {})));
      for (const [name, value] of Object.entries(ours)) {
        const expected = computed.getVariableValue(name);
        requireEqual(`${what}: ${name}`, typeof value === 'number' ? Math.fround(value) : Number(value), expected);
        compared++;
      }
      const missing = names.filter(name => !(name in ours));
      requireEqual(`${what}: constants that are not found`, missing, []);
      require(`${what}: finds constants that are none`, Object.keys(ours).every(name => names.includes(name)));
    }
  }
  require(`${compared} constants`, compared > 500);
});

const own = `
  // @group(0) @binding(7) var<uniform> nothing: u32;
  /* struct Settings { n: vec4f } */
  struct Axis { points: u32, stride: u32 }
  struct Settings
  {
    count: u32, scale: f32,
    axes: array<Axis, MOST>, // the last comma may stand
  }
  struct Entry{first:u32,weight:f32}
  struct Local { at: vec4f, all: array<f32, 4> }
  @group(0) @binding(0) var<uniform> settings: Settings;
  @group(0)
  @binding(1)
  var<storage, read> table: array< Entry >;
  @group(0) @binding(2) var<storage> input: array<vec4f>;
  @group(0) @binding(3) var<storage,read_write> result : array<f32> ;
const MOST = 3u;
const WIDTH = 64u;
const MOST_AXES = 3u;
const HALF = MOST_AXES / 2u;
const OMEGA = 30.0;
const SMALL = -1.5e-3f;
const FLAG = false;
const lower = 1u;
//# slot activation
@compute @workgroup_size(WIDTH) fn main() { const INNER = 3u; }
`;

test("a host's own text, indented or not, comments in it: bindings, slots, and constants that begin a line", () => {
  const { name, source, slots, bindings, constants } = kernelOf('own', own);
  requireEqual('name and slots', [name, slots], ['own', ['activation']]);
  require('the text stays', source.includes('// the last comma may stand'));
  requireEqual('bindings', bindings, [
    {
      name: 'settings',
      access: 'uniform',
      struct: { count: 'u32', scale: 'f32', axes: { struct: { points: 'u32', stride: 'u32' }, count: 3 } },
      table: false,
    },
    { name: 'table', access: 'read', struct: { first: 'u32', weight: 'f32' }, table: true },
    { name: 'input', access: 'read' },
    { name: 'result', access: 'read_write' },
  ]);
  requireEqual('constants', constants, {
    MOST: 3,
    WIDTH: 64,
    MOST_AXES: 3,
    HALF: 1,
    OMEGA: 30,
    SMALL: -0.0015,
    FLAG: false,
  });
});

test("a text for a slot of a host's own has its name and its constants", () => {
  const source = 'const LEAK = 0.1f;\nconst STEPS = 4u;\nfn activate(z: f32) -> vec2f { return vec2f(z * LEAK); }\n';
  requireEqual('text', slotText('leaky', source), { name: 'leaky', source, constants: { LEAK: 0.1, STEPS: 4 } });
});

test("a host's own text with bindings or fields of another kind, or numbered otherwise, is refused by their names", async () => {
  const settings = 'struct Settings { n: u32 }\n';
  const uniform = (type: string, before = settings) =>
    `${before}@group(0) @binding(0) var<uniform> settings: ${type};\n`;
  const table = (body: string) =>
    `struct Axis { n: u32 }\nstruct Entry { ${body} }\n@group(0) @binding(0) var<storage, read> table: array<Entry>;\n`;
  const remedy = 'use u32, f32, or an array of a struct of these';
  const cases: readonly (readonly [string, string])[] = [
    [uniform('u32'), 'settings is a uniform u32: use a struct of u32 and f32'],
    [uniform('vec4f'), 'settings is a uniform vec4f: use a struct of u32 and f32'],
    [uniform('array<Settings, 2>'), 'settings is a uniform array<Settings, 2>: use a struct of u32 and f32'],
    [uniform('Unknown'), 'settings is a uniform Unknown: use a struct of u32 and f32'],
    [uniform('Settings', 'struct Settings { colour: vec4f }\n'), `Settings.colour is of type vec4f: ${remedy}`],
    [table('n: i32'), `Entry.n is of type i32: ${remedy}`],
    [table('n: u32, flag: bool,'), `Entry.flag is of type bool: ${remedy}`],
    [table('axis: Axis'), `Entry.axis is of type Axis: ${remedy}`],
    [table('numbers: array<f32, 4>'), `Entry.numbers is of type array<f32, 4>: ${remedy}`],
    [table('axes: array<Axis>'), `Entry.axes is of type array<Axis>: ${remedy}`],
    [table('axes: array<Axis, 0>'), `Entry.axes is of type array<Axis, 0>: ${remedy}`],
    [table('axes: array<Axis, MANY>'), `Entry.axes is of type array<Axis, MANY>: ${remedy}`],
    [table('entries: array<Entry, 2>'), `Entry.entries is of type array<Entry, 2>: ${remedy}`],
    [table('@align(16) n: u32'), 'Entry has the field @align(16) n: u32: write its name and its type alone'],
    [
      `${settings}@group(0) @binding(1) var<storage> input: array<f32>;\n@group(0) @binding(0) var<uniform> s: Settings;\n`,
      'binding 1 stands where 0 is due: number bindings from 0, in order',
    ],
    [
      `${uniform('Settings')}@group(0) @binding(2) var<storage> input: array<f32>;\n`,
      'binding 2 stands where 1 is due: number bindings from 0, in order',
    ],
    ...[
      '@group(1) @binding(1) var<storage> input: array<f32>;',
      '@binding(1) @group(0) var<storage> input: array<f32>;',
      '@group(0) @binding(1) var picture: texture_2d<f32>;',
    ].map(
      line =>
        [
          `${uniform('Settings')}${line}\n`,
          'of 2 bindings 1 can be read: write each as @group(0) @binding(0) var<storage, read> name: type;',
        ] as const,
    ),
  ];
  for (const [text, message] of cases) {
    const escaped = message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    await requireThrows(text, () => kernelOf('mine', text), 'InputError', new RegExp(`^kernel mine: ${escaped}$`));
  }
});

test('a dispatch with an unfilled slot, a constant that the kernel has not, or nothing for a binding is refused', async () => {
  const text =
    'struct S { n: u32 }\n@group(0) @binding(0) var<uniform> settings: S;\nconst WORKGROUP = 64u;\n//# slot activation\n';
  const kernel = kernelOf('mine', text);
  const workgroups = [1, 1, 1] as const;
  const buffers = {};
  const slots = { activation: slotText('none', 'fn activate() {}\n') };
  const settings = { n: 3 };
  requireEqual(
    'as it should be',
    dispatch(kernel, { constants: { WORKGROUP: 8 }, slots, settings, buffers, workgroups }).source,
    text.replace('64u', '8u').replace('//# slot activation\n', 'fn activate() {}\n'),
  );
  await requireThrows(
    'slot',
    () => dispatch(kernel, { settings, buffers, workgroups }),
    'InputError',
    /slot activation is empty/,
  );
  await requireThrows(
    'constant',
    () => dispatch(kernel, { constants: { WIDTH: 1 }, slots, settings, buffers, workgroups }),
    'InputError',
    /no constant WIDTH/,
  );
  await requireThrows(
    'settings',
    () => dispatch(kernel, { slots, buffers, workgroups }),
    'InputError',
    /^mine: nothing is given for settings$/,
  );
  const storage = kernelOf('mine', '@group(0) @binding(0) var<storage> input: array<f32>;\n');
  await requireThrows(
    'storage',
    () => dispatch(storage, { buffers, workgroups }),
    'InputError',
    /^mine: nothing is given for input$/,
  );
});
