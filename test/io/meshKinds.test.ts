/** Meshes as other programs write them: what they hold is what a float64 reference of solid angles says. */

import { boundsOf, type Mesh } from '../../src/geometry/mesh.js';
import { gridAround, voxelise } from '../../src/geometry/voxelise.js';
import { decodeMesh, encodeMesh, type MeshFormat } from '../../src/io/mesh/meshFile.js';
import { requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { random, randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { solidVolume, windingNumber } from '../reference/host/solid.js';

const test = suite('kinds of meshes');

/** A box as corners and quads that face outwards. */
interface Box {
  readonly corners: number[][];
  readonly quads: number[][];
}

const quads = [
  [0, 3, 2, 1],
  [4, 5, 6, 7],
  [0, 1, 5, 4],
  [1, 2, 6, 5],
  [2, 3, 7, 6],
  [3, 0, 4, 7],
];

function box([x0, y0, z0]: number[], [x1, y1, z1]: number[], isTurned = false): Box {
  const corners = [z0, z1].flatMap(z => [
    [x0, y0, z],
    [x1, y0, z],
    [x1, y1, z],
    [x0, y1, z],
  ]);
  return { corners, quads: isTurned ? quads.map(quad => [...quad].reverse()) : quads };
}

function objOf(...boxes: readonly Box[]): string {
  return boxes
    .map(({ corners, quads: faces }, i) => {
      const vertices = corners.map(corner => `v ${corner.join(' ')}\n`).join('');
      return `${vertices}${faces.map(face => `f ${face.map(at => at + 1 + 8 * i).join(' ')}\n`).join('')}`;
    })
    .join('');
}

function trianglesOf({ corners, quads: faces }: Box): number[][] {
  return faces
    .flatMap(([a, b, c, d]) => [
      [a, b, c],
      [a, c, d],
    ])
    .map(face => face.flatMap(at => corners[at]));
}

const stlTextOf = (one: Box) =>
  `solid box\n${trianglesOf(one)
    .map(
      t =>
        `facet normal 0 0 0\nouter loop\n${[0, 3, 6].map(i => `vertex ${t.slice(i, i + 3).join(' ')}\n`).join('')}endloop\nendfacet\n`,
    )
    .join('')}endsolid box\n`;

function stlOf(one: Box, claimed = 12, more = 0): Uint8Array {
  const bytes = new Uint8Array(84 + 600 + more).fill(7, 684);
  const view = new DataView(bytes.buffer);
  view.setUint32(80, claimed, true);
  trianglesOf(one).forEach((numbers, face) => {
    numbers.forEach((value, i) => {
      view.setFloat32(84 + 50 * face + 12 + 4 * i, value, true);
    });
  });
  return bytes;
}

const plyOf = (
  { corners, quads: faces }: Box,
  { type = 'float', more = '', after = '', extra = '' }: Record<string, string> = {},
) =>
  `ply\nformat ascii 1.0\nelement vertex ${corners.length + (extra ? 1 : 0)}\nproperty ${type} x\nproperty ${type} y\nproperty ${type} z\nelement face ${faces.length}\nproperty list uchar int vertex_indices\n${more}end_header\n${corners.map(c => `${c.join(' ')}\n`).join('')}${extra}${faces.map(f => `${f.length} ${f.join(' ')}${after}\n`).join('')}`;

const decode = (format: MeshFormat, data: string | Uint8Array) =>
  decodeMesh('x', format, Uint8Array.from(typeof data === 'string' ? new TextEncoder().encode(data) : data));

/** Points of a grid that lie in a box of the first list and none of the second, or in one of the third. */
function requirePoints(
  what: string,
  mesh: Mesh,
  solids: readonly Box[],
  hollow: readonly Box[] = [],
  islands: readonly Box[] = [],
): number {
  const grid = gridAround(boundsOf(mesh), 16, 1);
  const inside = voxelise(mesh, grid);
  const windingOf = ({ corners, quads: faces }: Box, point: readonly number[]) =>
    windingNumber(
      corners.flat(),
      faces.flatMap(([a, b, c, d]) => [a, b, c, a, c, d]),
      point,
    );
  const [, columns, layers] = grid.shape;
  const planes = [0, 1, 2].map(axis =>
    [...solids, ...hollow, ...islands].flatMap(({ corners }) => corners.map(corner => corner[axis])),
  );
  const step = 1e-6 * grid.spacing;
  inside.forEach((value, at) => {
    const index = [Math.floor(at / layers / columns), Math.floor(at / layers) % columns, at % layers];
    const point = index.map((i, axis) => grid.origin[axis] + grid.spacing * i);
    // No solid angle is right on a face: points beside it say whether the point ends a solid, which makes it inside.
    const isOnPlane = point.some((x, axis) => planes[axis].some(plane => Math.abs(plane - x) < step));
    const beside = [0, 1, 2, 3, 4, 5, 6, 7].map(i => point.map((x, axis) => x + (i & (1 << axis) ? step : -step)));
    const points = isOnPlane ? beside : [point];
    const isIn = (one: Box) => points.some(near => Math.round(windingOf(one, near)) !== 0);
    const isDeepIn = (one: Box) => points.every(near => Math.round(windingOf(one, near)) !== 0);
    const expected = (solids.some(isIn) && !hollow.some(isDeepIn)) || islands.some(isIn) ? 1 : 0;
    if (value !== expected) requireEqual(`${what}: (${point})`, value, expected);
  });
  return inside.reduce((sum, one) => sum + one, 0);
}

const one = box([0, 0, 0], [3, 2, 1]);

test('shells that overlap are united, however they are turned; one turned inside out within another is a cavity', () => {
  const other = box([1, 0.5, 0.25], [4, 2.5, 1.25]);
  const turned = box([1, 0.5, 0.25], [4, 2.5, 1.25], true);
  // 308 each, of which 120 are in both: by parity, 378 were left, those on the ends of either halved.
  requireEqual('points', requirePoints('two', decode('obj', objOf(one, other)), [one, other]), 496);
  requirePoints('one of them inside out', decode('obj', objOf(one, turned)), [one, other]);
  const [big, middle, small] = [0, 1, 2].map(i => box([i, i, i], [7 - i, 7.1 - i, 7.2 - i], i === 1));
  requirePoints('a cavity', decode('obj', objOf(big, middle)), [big], [middle]);
  requirePoints('an island', decode('obj', objOf(small, middle, big)), [big], [middle], [small]);
  const all = [big, middle].map(({ corners, quads: faces }) => ({ corners, quads: faces.map(f => [...f].reverse()) }));
  requirePoints('a file inside out', decode('obj', objOf(...all)), [big], [middle]);
  const within = box([1, 1, 1], [2, 2, 2]);
  requirePoints('a solid in a solid', decode('obj', objOf(big, within)), [big]);
  const touching = box([3, 2, 0], [6, 4, 1]);
  requirePoints('touching at an edge', decode('obj', objOf(one, touching)), [one, touching]);
  const flipped = { ...one, quads: one.quads.map((quad, i) => (i === 2 ? [...quad].reverse() : quad)) };
  requirePoints('a face turned round', decode('obj', objOf(flipped)), [one]);
});

test('a part given twice is there once, also backwards, or with corners of its own', () => {
  const other = box([1, 0.5, 0.25], [4, 2.5, 1.25]);
  const backwards = { ...one, quads: one.quads.map(([a, ...others]) => [a, ...others].reverse()) };
  const begunElsewhere = { ...one, quads: one.quads.map(([a, ...others]) => [...others, a]) };
  for (const again of [one, backwards, begunElsewhere]) {
    const mesh = decode('obj', objOf(one, again));
    requireEqual(
      'points',
      requirePoints('twice', mesh, [one]),
      requirePoints('once', decode('obj', objOf(one)), [one]),
    );
    requireEqual('remark', mesh.remarks.join(), '12 faces were given more than once');
    requirePoints('in a figure', decode('obj', objOf(one, other, again)), [one, other]);
  }
  const beside = box([3, 0, 0], [6, 2, 1]);
  const mesh = decode('obj', objOf(one, beside));
  requirePoints('two that share a wall', mesh, [one, beside]);
  requireEqual('their remarks', mesh.remarks.length, 0);
});

test('what is given again is there once, and solids that meet in a face are united', () => {
  const big = box([0, 0, 0], [7, 7, 7]);
  const turnedOf = (solid: Box) => ({ ...solid, quads: solid.quads.map(([a, b, c, d]) => [a, d, c, b]) });
  const requireCase = (what: string, given: readonly Box[], solids: readonly Box[], dropped: number) => {
    const mesh = decode('obj', objOf(...given));
    requireEqual(`${what}: remarks`, mesh.remarks, dropped ? [`${dropped} faces were given more than once`] : []);
    return requirePoints(what, mesh, solids);
  };
  requireEqual('points', requireCase('a box twice', [big, big], [big], 12), 2744);
  requireCase('three times', [big, big, big], [big], 24);
  requireCase('once either way round', [big, turnedOf(big)], [big], 12);
  const apart = box([8, 0, 0], [9, 3, 4]);
  requireCase('one of two', [big, apart, big], [big, apart], 12);
  const atAnEdge = box([7, 7, 0], [9, 9, 7]);
  requireCase('one of two that touch at an edge', [big, atAnEdge, big], [big, atAnEdge], 12);
  const [left, right] = [box([0, 0, 0], [3, 2, 1]), box([0, 0, 1], [3, 2, 3])];
  for (const [way, other] of [
    ['either way round', right],
    ['the same way round', turnedOf(right)],
  ] as const) {
    requireCase(`a face of two boxes, ${way}`, [left, other], [left, right], 0);
    requireCase(`all of it twice, ${way}`, [left, other, left, other], [left, right], 24);
    const more = { ...right, quads: [...other.quads, ...other.quads.slice(1, 3)] };
    requireCase(`other faces twice, ${way}`, [left, more], [left, right], 4);
  }
  const row = [0, 1, 2, 3].map(i => box([i, 0, 0], [i + 1, 1, 1]));
  requireCase('a row of boxes', row, row, 0);
});

const fuzzed = Number(process.env.SEPNN_TEST_SOLID_ROUNDS ?? 10);

/** Voxelised where no point lies on a plane of whole numbers: in a solid by its own winding number, and in no cavity. */
function requireWound(given: readonly Box[], solids: readonly Box[], cavities: readonly Box[] = []): void {
  const grid = { shape: [7, 7, 7], origin: [-0.4, -0.41, -0.42], spacing: 0.741 };
  const inside = voxelise(decode('obj', objOf(...given)), grid);
  const isIn = ({ corners, quads: faces }: Box, point: readonly number[]) => {
    const triangles = faces.flatMap(([a, b, c, d]) => [a, b, c, a, c, d]);
    return Math.abs(windingNumber(corners.flat(), triangles, point)) > 0.5;
  };
  inside.forEach((value, at) => {
    const point = [Math.floor(at / 49), Math.floor(at / 7) % 7, at % 7].map(
      (i, axis) => grid.origin[axis] + grid.spacing * i,
    );
    const [inner, ...others] = solids;
    const expected =
      (isIn(inner, point) && !cavities.some(one => isIn(one, point))) || others.some(one => isIn(one, point));
    if (value !== Number(expected)) {
      requireEqual(
        `(${point}) of ${given.map(({ corners }) => `${corners[0]} to ${corners[6]}`).join('; ')}`,
        value,
        Number(expected),
      );
    }
  });
}

/** A box of whole numbers from 0 to 4; if `near` is given, one that shares a face with it, on either side. */
function wholeBox(near?: Box, isTurned = false): Box {
  const most = 4;
  const [from, to] = near
    ? [[...near.corners[0]], [...near.corners[6]]]
    : [
        [0, 0, 0],
        [most, most, most],
      ];
  if (!near) {
    for (let axis = 0; axis < 3; axis++) {
      from[axis] = randomInteger(0, most - 1);
      to[axis] = randomInteger(from[axis] + 1, most);
    }
  } else {
    const axis = randomInteger(0, 2);
    if (random() < 0.5 && to[axis] < most) from[axis] = to[axis];
    to[axis] = randomInteger(from[axis] + 1, most);
  }
  return box(from, to, isTurned);
}

const isWithin = (one: Box, other: Box) =>
  [0, 1, 2].every(
    axis => one.corners[0][axis] >= other.corners[0][axis] && one.corners[6][axis] <= other.corners[6][axis],
  );
const reversed = (one: Box): Box => ({ ...one, quads: one.quads.map(quad => [...quad].reverse()) });
const copiesOf = (one: Box) => Array.from({ length: random() < 0.6 ? 1 : randomInteger(1, 3) }, () => one);

test('a solid given twice beside or around one given once is united with it, and a cavity that touches its wall is one', () => {
  const [left, right, within] = [box([0, 0, 0], [2, 2, 2]), box([2, 0, 0], [4, 2, 2]), box([0, 0, 0], [2, 2, 1])];
  requireWound([left, left, right], [left, right]);
  requireWound([left, within], [left]);
  requireWound([left, within, within, within], [left]);
  requireWound([left, left, reversed(within)], [left], [within]);
  requireWound([left, reversed(right), left], [left, right]);
  const above = box([0, 0, 1], [2, 2, 2]);
  requireWound([right, left, within, reversed(above)], [left, right, within], [above]);
});

test(`${fuzzed} unions of boxes that share faces, edges and corners, in any order and either way round, are as they wind`, () => {
  const given = (boxes: readonly Box[]) => {
    const all = boxes.flatMap(copiesOf).sort(() => random() - 0.5);
    return random() < 0.2 ? all.map(reversed) : all;
  };
  for (let round = 0; round < fuzzed; round++) {
    const united: Box[] = [wholeBox()];
    while (united.length < 4) united.push(random() < 0.6 ? wholeBox(united.at(-1)) : wholeBox());
    const respun = united.map(one => ({
      ...one,
      quads: one.quads.map(([a, ...rest]) => (random() < 0.3 ? [...rest, a] : [a, ...rest])),
    }));
    requireWound(given([...united, respun[0]]), united);
    const turned: Box[] = [];
    for (let i = 0; i < 6; i++) {
      const one = wholeBox(turned.at(-1), random() < 0.5);
      if (!turned.some(other => isWithin(one, other) || isWithin(other, one))) turned.push(one);
    }
    requireWound(given(turned), turned);
    const [outer, beside] = [box([0, 0, 0], [3, 3, 3]), box([3, 0, 0], [4, 3, 3])];
    const slab = randomInteger(0, 2);
    const cavity = box(
      [0, 0, 0],
      [3, 3, 3].map((x, axis) => (axis === slab ? randomInteger(1, 2) : x)),
      true,
    );
    requireWound(given([outer, outer, cavity, beside]), [outer, beside], [cavity]);
  }
});

test('boxes of any size and place, turned or not, are united as their solid angles are', () => {
  for (let round = 0; round < 12; round++) {
    const boxes = Array.from({ length: 4 }, (_, i) => {
      // Apart in where they begin, so that none lies within another.
      const from = [i, random(), random()];
      return box(from, [i + 1.5 + random() / 2, from[1] + 0.5 + random(), from[2] + 0.5 + random()], random() < 0.5);
    });
    requirePoints(`round ${round}`, decode('obj', objOf(...boxes)), boxes);
  }
});

test('good files of every kind hold a box of volume 6', () => {
  const obj = objOf(one);
  const stl = stlTextOf(one);
  const twoParts = stl.replace(
    /(?<=endfacet\n)(?=facet normal 0 0 0\nouter loop\nvertex 3)/,
    'endsolid a\nsolid b c\n',
  );
  const utf16 = (text: string, isBig: boolean, mark: string) => {
    const bytes = new Uint8Array(2 * (text.length + mark.length));
    [...(mark + text)].forEach((letter, i) => {
      new DataView(bytes.buffer).setUint16(2 * i, letter.charCodeAt(0), !isBig);
    });
    return bytes;
  };
  const colours = { more: 'property uchar red\nproperty list uchar float texcoord\n', after: ' 200 2 0.5 0.5' };
  const noise = (i: number) => (i % 7) * 1e-7;
  const near = stlOf(one).slice();
  for (let i = 0; i < 108; i++) {
    const at = 84 + 50 * Math.floor(i / 9) + 12 + 4 * (i % 9);
    const view = new DataView(near.buffer);
    view.setFloat32(at, view.getFloat32(at, true) + noise(i), true);
  }
  const strips = `ply\nformat ascii 1.0\nelement vertex 8\nproperty float x\nproperty float y\nproperty float z\nelement tristrips 1\nproperty list int int vertex_indices\nend_header\n${one.corners.map(c => `${c.join(' ')}\n`).join('')}29 ${one.quads.map(([a, b, c, d]) => [a, b, d, c].join(' ')).join(' -1 ')}\n`;
  const files: [string, MeshFormat, string | Uint8Array][] = [
    ['OBJ', 'obj', obj],
    ['a comment after a face', 'obj', obj.replaceAll(/(f .*)/g, '$1 # face')],
    ['lines and points', 'obj', `${obj}l 1 2\np 1\n`],
    ['CR', 'obj', obj.replaceAll('\n', '\r')],
    ['CR LF', 'obj', obj.replaceAll('\n', '\r\n')],
    ['UTF-16 with a mark', 'obj', utf16(obj, false, '\ufeff')],
    ['UTF-16 of the other order', 'obj', utf16(obj, true, '\ufeff')],
    ['UTF-16 without', 'obj', utf16(obj, false, '')],
    ['a line that goes on', 'obj', obj.replace('f 1 4 ', 'f 1 4 \\\n')],
    ["Fortran's exponent", 'obj', obj.replaceAll('v 3 2', 'v 0.3D+01 20d-1')],
    ['vertices from the last', 'obj', obj.replace('f 1 4 3 2', 'f -8 -5 -6 -7')],
    ['a face twice', 'obj', `${obj}f 1 4 3 2\n`],
    [
      'a vertex of no face',
      'obj',
      `v nan 99 0\n${obj}`.replaceAll(
        /f (.*)/g,
        (_, f: string) =>
          `f ${f
            .split(' ')
            .map(i => Number(i) + 1)
            .join(' ')}`,
      ),
    ],
    ['STL', 'stl', stl],
    ['capitals', 'stl', stl.toUpperCase()],
    ['no endsolid', 'stl', stl.replace('endsolid box\n', '')],
    ['a name with a keyword', 'stl', stl.replace('solid box', 'solid vertex group 1 of 2 facets')],
    ['STL on one line', 'stl', stl.replaceAll('\n', ' ')],
    ['on one line without a name', 'stl', stl.replaceAll(' box', '').replaceAll('\n', '\t')],
    ['on one line in two parts', 'stl', twoParts.replaceAll('\n', ' ')],
    ['a facet in the name', 'stl', stl.replace('solid box', 'solid one facet normal to z')],
    ['binary STL', 'stl', stlOf(one)],
    ['a byte after its faces', 'stl', stlOf(one, 12, 1)],
    ['no count', 'stl', stlOf(one, 0)],
    ['a count too high', 'stl', stlOf(one, 4294967295)],
    ['corners 1e-7 apart', 'stl', near],
    ['PLY', 'ply', plyOf(one)],
    ['colours and texture coordinates', 'ply', plyOf(one, colours)],
    ['a vertex of no face', 'ply', plyOf(one, { extra: 'nan nan nan\n' })],
    ['one that is near', 'ply', plyOf(one, { extra: '5 1 0.5\n' })],
    ['CR', 'ply', plyOf(one).replaceAll('\n', '\r')],
    ['strips', 'ply', strips],
  ];
  for (const [name, format, data] of files) {
    const mesh = decode(format, data);
    requireClose(name, [solidVolume(mesh.positions, mesh.triangles)], [6], { relative: 1e-5 });
    requireEqual(`${name}: vertices`, mesh.positions.length, 24);
    const remark = name.startsWith('corners')
      ? /^\d+ corners that nearly met were welded$/
      : /^2 faces were given more/;
    if (name.startsWith('corners') || name === 'a face twice') {
      requireEqual(`${name}: ${mesh.remarks}`, remark.test(mesh.remarks[0]), true);
    } else requireEqual(`${name}: remarks`, mesh.remarks, []);
  }
});

test('corners on the edges of other faces close the mesh, and a hole beside them is told alone', async () => {
  // Three boxes of which none has the others' corners: T-junctions along one edge, on either side, and at an angle.
  const bent = (file: string) =>
    file.replaceAll(/^v (.*)$/gm, (_, place: string) => {
      const [x, y, z] = place.split(' ').map(Number);
      return `v ${0.8 * x - 0.6 * y} ${0.6 * x + 0.8 * y + 0.3 * z} ${z}`;
    });
  const corners = [...one.corners, [1, 0, 1], [2, 0, 1], [1.5, 2, 1], [1.25, 0, 0]];
  const top = [
    [4, 8, 10, 7],
    [8, 9, 10],
    [9, 5, 6, 10],
  ];
  const faces = one.quads.flatMap((quad, i) => (i === 1 ? top : [quad]));
  const bottom = [
    [0, 3, 2, 11],
    [11, 2, 1],
  ];
  const junctions = { corners, quads: [...bottom, ...faces.slice(1)] };
  const textOf = ({ corners: places, quads: all }: Box) =>
    `${places.map(place => `v ${place.join(' ')}\n`).join('')}${all.map(face => `f ${face.map(at => at + 1).join(' ')}\n`).join('')}`;
  for (const file of [textOf(junctions), bent(textOf(junctions))]) {
    const mesh = decode('obj', file);
    requireClose('volume', [solidVolume(mesh.positions, mesh.triangles)], [6], { relative: 1e-9 });
    requireEqual('remarks', mesh.remarks, ['3 edges on which corners of other faces lie were split there']);
  }
  requirePoints('of whole numbers', decode('obj', textOf(junctions)), [one]);
  const open = { corners, quads: junctions.quads.filter((_, i) => i !== junctions.quads.length - 1) };
  const text = textOf(open);
  await requireThrows(
    'a hole',
    () => decode('obj', text),
    'InputError',
    /has holes: 4 edges belong to one face alone, around one hole, at \(0, 1, 0\.5\)/,
  );
});

test('polygons of many corners hold what lies within them, hollow ones too', () => {
  const outline = [
    [0, 0],
    [4, 0],
    [4, 1],
    [1, 1],
    [1, 3],
    [4, 3],
    [4, 4],
    [0, 4],
  ];
  const corners = [0, 1].flatMap(z => outline.map(([x, y]) => [x, y, z]));
  const sides = outline.map((_, i) => [i, (i + 1) % 8, 8 + ((i + 1) % 8), 8 + i]);
  const faces = [[7, 6, 5, 4, 3, 2, 1, 0], [8, 9, 10, 11, 12, 13, 14, 15], ...sides];
  const mesh = decode('ply', plyOf({ corners, quads: faces }));
  requireClose('volume', [solidVolume(mesh.positions, mesh.triangles)], [10], { relative: 1e-12 });
  const parts = [box([0, 0, 0], [1, 4, 1]), box([0, 0, 0], [4, 1, 1]), box([0, 3, 0], [4, 4, 1])];
  requirePoints('a C', mesh, parts);
});

test('coordinates of a map keep their shape, from the file to what is written of it', () => {
  const [x, y, z] = [500000, 5400000, 120];
  const far = box([x, y, z], [x + 0.3, y + 0.2, z + 0.1]);
  const near = requirePoints('near', decode('obj', objOf(box([0, 0, 0], [0.3, 0.2, 0.1]))), [
    box([0, 0, 0], [0.3, 0.2, 0.1]),
  ]);
  for (const [format, data] of [
    ['obj', objOf(far)],
    ['ply', plyOf(far, { type: 'double' })],
    ['stl', stlTextOf(far)],
  ] as const) {
    const mesh = decode(format, data);
    requireEqual(`${format}: points`, requirePoints(format, mesh, [far]), near);
    const written = encodeMesh(mesh, format);
    requireEqual(`${format}: bounds when written`, boundsOf(decode(format, written)), boundsOf(mesh));
  }
});
