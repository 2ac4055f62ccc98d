/** Meshes and grids: what lies inside is what should, surfaces close and face outwards, pictures show what is in front. */

import { openEdges as edgesOpen } from '../../src/geometry/edges.js';
import { fillShell, type VoxelGrid } from '../../src/geometry/fill.js';
import { marchingCubes } from '../../src/geometry/marchingCubes.js';
import { boundsOf, type Mesh, placed, weld } from '../../src/geometry/mesh.js';
import { solidsOf } from '../../src/geometry/solids.js';
import { drawMesh } from '../../src/geometry/view.js';
import { gridAround, voxelise } from '../../src/geometry/voxelise.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { random, randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { solidVolume, windingNumber } from '../reference/host/solid.js';

const test = suite('geometry');
const openEdges = (mesh: Mesh) => edgesOpen(mesh).length;

/** The twelve triangles of a box, facing outwards, as corners. */
function boxCorners([x0, y0, z0]: number[], [x1, y1, z1]: number[]): number[] {
  const corner = (i: number) => [i & 1 ? x1 : x0, i & 2 ? y1 : y0, i & 4 ? z1 : z0];
  const sides = [0, 2, 3, 1, 4, 5, 7, 6, 0, 1, 5, 4, 2, 6, 7, 3, 0, 4, 6, 2, 1, 3, 7, 5];
  return [0, 4, 8, 12, 16, 20].flatMap(at => [0, 1, 2, 0, 2, 3].flatMap(i => corner(sides[at + i])));
}

/** Every point of a grid, in the order of its array, with its index. */
function* pointsOf({ shape, origin, spacing }: VoxelGrid): Generator<[number, number[]]> {
  const [rows, columns, layers] = shape;
  for (let at = 0; at < rows * columns * layers; at++) {
    const index = [Math.floor(at / layers / columns), Math.floor(at / layers) % columns, at % layers];
    yield [at, index.map((n, axis) => origin[axis] + spacing * n)];
  }
}

function unitGrid(...shape: number[]): VoxelGrid {
  return { shape, origin: [0, 0, 0], spacing: 1 };
}

/** r - |p - centre| on a grid of n^3 points. */
function ballField(n: number, radius: number): Float32Array {
  const centre = (n - 1) / 2;
  const values = new Float32Array(n ** 3);
  for (const [at, point] of pointsOf(unitGrid(n, n, n))) {
    values[at] = radius - Math.hypot(...point.map(x => x - centre));
  }
  return values;
}

/** A surface of many handles: where smoothed noise passes its middle. */
function noiseSurface(n: number): Mesh {
  return marchingCubes(
    Float32Array.from({ length: n ** 3 }, () => random()),
    [n, n, n],
    0.5,
  );
}

test('weld: corners at one place become one vertex, -0 and 0 alike; triangles without area go', () => {
  const cube = weld(boxCorners([0, 0, 0], [1, 1, 1]));
  requireEqual('vertices and triangles', [cube.positions.length / 3, cube.triangles.length / 3], [8, 12]);
  const flat = weld([0, 0, 0, 1, 0, 0, -0, 1, 0, 0, -0, 0, 1, 0, 0, 1, 0, 0]);
  requireEqual('vertices', flat.positions.length / 3, 3);
  requireEqual('triangles', [...flat.triangles], [0, 1, 2]);
  const indexed = weld([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0], [3, 1, 2]);
  requireEqual('corners by number', [...indexed.triangles], [2, 0, 1]);
  requireEqual('a vertex of no triangle is none', indexed.positions.length, 9);
});

test('open edges: none of a closed mesh, three where a triangle is missing, none where four faces meet', () => {
  const corners = boxCorners([0, 0, 0], [1, 1, 1]);
  requireEqual('closed', openEdges(weld(corners)), 0);
  requireEqual('a triangle missing', openEdges(weld(corners.slice(9))), 3);
  requireEqual('two boxes at an edge', openEdges(weld([...corners, ...boxCorners([1, 1, 0], [2, 2, 1])])), 0);
  requireEqual('two boxes at a corner', openEdges(weld([...corners, ...boxCorners([1, 1, 1], [2, 2, 2])])), 0);
});

test('grids: the longest side has N points, the box fills what the margins leave, its middle is the middle', async () => {
  const box = { least: [-1, 2, 0], greatest: [3, 4, 0.9] };
  const grid = gridAround(box, 34, 1);
  requireEqual('shape', grid.shape, [34, 18, 10]);
  requireClose('spacing', [grid.spacing], [0.125], {});
  const middle = grid.shape.map((n, axis) => grid.origin[axis] + (grid.spacing * (n - 1)) / 2);
  requireClose('middle', middle, [1, 3, 0.45], { absolute: 1e-12 });
  const given = gridAround(box, [20, 40, 30], 2);
  requireEqual('shape as given', given.shape, [20, 40, 30]);
  requireClose('the side that is tight', [given.spacing], [4 / 16], {});
  await requireThrows('margins', () => gridAround(box, [20, 4, 30], 2), 'InputError', /--size 4: the margins take 4/);
  const point = { least: [1, 1, 1], greatest: [1, 1, 1] };
  await requireThrows('a point', () => gridAround(point, 8, 1), 'InputError', /no extent/);
});

test('voxelise: a box with its faces on grid points holds those and what lies between', () => {
  const grid = unitGrid(7, 6, 8);
  const inside = voxelise(weld(boxCorners([1, 2, 0], [5, 3, 8])), grid);
  for (const [at, [x, y, z]] of pointsOf(grid)) {
    const expected = x >= 1 && x <= 5 && y >= 2 && y <= 3 && z >= 0 && z <= 8 ? 1 : 0;
    requireEqual(`(${x}, ${y}, ${z})`, inside[at], expected);
  }
});

test('voxelise: each of six tetrahedra that fill a cube holds the points on its faces and edges', () => {
  const n = 6;
  const grid = unitGrid(n + 2, n + 2, n + 2);
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const corners = [[1, 1, 1]];
    for (const axis of order) corners.push((corners.at(-1) as number[]).map((x, i) => (i === axis ? x + n : x)));
    const faces = [1, 2, 3, 0, 3, 2, 0, 1, 3, 0, 2, 1];
    const inside = voxelise(weld(faces.flatMap(corner => corners[corner])), grid);
    for (const [at, point] of pointsOf(grid)) {
      const [x, y, z] = order.map(axis => point[axis] - 1);
      requireEqual(`(${point}) in ${order}`, inside[at], n >= x && x >= y && y >= z && z >= 0 ? 1 : 0);
    }
  }
});

/** side^3 boxes apart, all facing outwards or every other one turned. */
function manyBoxes(side: number, isMixed: boolean): Mesh {
  const corners: number[] = [];
  for (let at = 0; at < side ** 3; at++) {
    const from = [0, 1, 2].map(axis => Math.floor(at / side ** axis) % side);
    const to = from.map(x => x + 0.9);
    corners.push(...(isMixed && at % 2 ? boxCorners(to, from) : boxCorners(from, to)));
  }
  return weld(corners);
}

test('voxelise: each of 512 boxes is filled in a part of the grid that is little larger than the box', () => {
  const mesh = manyBoxes(8, true);
  const grid = gridAround(boundsOf(mesh), 66, 1);
  const solids = solidsOf(mesh);
  requireEqual('solids', solids.length, 512);
  const points = solids.reduce((sum, { shell }) => sum + fillShell(shell, grid).marks.length, 0);
  require(`${points} points for a grid of 66^3`, points < 4 * 66 ** 3);
});

test('solids: to seek each of 19,683 boxes in the others costs little beside finding them', () => {
  const secondsOf = (mesh: Mesh) => {
    const times = [0, 1].map(() => {
      const start = performance.now();
      solidsOf(mesh);
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  const ratio = secondsOf(manyBoxes(27, true)) / secondsOf(manyBoxes(27, false));
  require(`turned ones among them take ${ratio} times as long`, ratio < 6);
});

test('voxelise: a ball holds the points within its radius, but for those nearer to it than its facets are', () => {
  const n = 48;
  const radius = 17.3;
  const ball = placed(marchingCubes(ballField(n, radius), [n, n, n], 0), [-23.5, -23.5, -23.5], 1);
  const grid = gridAround(boundsOf(ball), [31, 29, 33], 1);
  const inside = voxelise(ball, grid);
  for (const [at, point] of pointsOf(grid)) {
    const distance = Math.hypot(...point);
    if (Math.abs(distance - radius) > 0.05) requireEqual(`at ${distance}`, inside[at], distance < radius ? 1 : 0);
  }
});

test('voxelise: random closed surfaces that cut themselves hold the points of odd winding number', () => {
  const surface = noiseSurface(4);
  const moved = { ...surface, positions: surface.positions.map(x => x + 1.5 * (random() - 0.5)) };
  // Shells are filled one by one.
  const [{ shell: tangled }] = solidsOf(moved);
  const grid = gridAround(boundsOf(tangled), 11, 1);
  const inside = voxelise(tangled, grid);
  let [within, more] = [0, 0];
  for (const [at, point] of pointsOf(grid)) {
    const winding = windingNumber(tangled.positions, tangled.triangles, point);
    requireEqual(`(${point}), winding ${winding}`, inside[at], Math.abs(Math.round(winding)) % 2);
    within += inside[at];
    more += Math.abs(winding) > 1.5 ? 1 : 0;
  }
  require(`${within} inside, ${more} wound more than once`, within > 0);
});

test('marching cubes: every surface of random volumes closes, and each edge runs once either way', () => {
  for (let round = 0; round < 20; round++) {
    const shape = [randomInteger(1, 6), randomInteger(1, 6), randomInteger(1, 6)];
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => randomInteger(0, 4) / 4);
    const surface = marchingCubes(values, shape, 0.5);
    requireEqual('open edges', openEdges(surface), 0);
    const { triangles } = surface;
    const ways = new Map<string, number>();
    triangles.forEach((from, corner) => {
      const to = triangles[corner % 3 === 2 ? corner - 2 : corner + 1];
      const edge = `${Math.min(from, to)} ${Math.max(from, to)}`;
      ways.set(edge, (ways.get(edge) ?? 0) + (from < to ? 1 : -1));
    });
    requireEqual(`${shape}: unbalanced edges`, [...ways.values()].filter(balance => balance !== 0).length, 0);
  }
});

test('marching cubes: the volume of a ball converges in second order, and the surface closes and faces outwards', () => {
  const errors = [9.2, 18.4].map(radius => {
    const n = Math.ceil(2 * radius) + 4;
    const ball = marchingCubes(ballField(n, radius), [n, n, n], 0);
    requireEqual('open edges', openEdges(ball), 0);
    return 1 - solidVolume(ball.positions, ball.triangles) / ((4 / 3) * Math.PI * radius ** 3);
  });
  require(`relative errors ${errors}`, errors[0] < 0.01 && errors[1] > 0 && errors[1] < errors[0] / 3);
});

test('marching cubes: where what is inside reaches the end of the grid, the surface lies half a step outside', () => {
  const full = marchingCubes(new Float32Array(60).fill(1), [3, 4, 5], 0.5);
  requireEqual('a full grid: open edges', openEdges(full), 0);
  requireEqual('its bounds', boundsOf(full), { least: [-0.5, -0.5, -0.5], greatest: [2.5, 3.5, 4.5] });
  requireEqual('nothing above the level', marchingCubes(new Float32Array(60), [3, 4, 5], 0.5).triangles.length, 0);
});

test('marching cubes undo voxelising: a volume that is neither full nor empty comes back point by point', () => {
  const shape = [5, 6, 4];
  const volume = Float32Array.from({ length: 120 }, () => randomInteger(0, 1));
  requireEqual('points', [...voxelise(marchingCubes(volume, shape, 0.5), unitGrid(...shape))], [...volume]);
});

test('pictures: a ball covers a disc of its size, brighter towards the light, and what is in front hides the rest', () => {
  const radius = 9;
  const n = 24;
  const ball = marchingCubes(ballField(n, radius), [n, n, n], 0);
  const view = { box: { least: [0, 0, 0], greatest: [n - 1, n - 1, n - 1] }, up: 1, pixels: 200 };
  const { width, height, data } = drawMesh(ball, view);
  require(`${width} x ${height}`, Math.max(width, height) >= 200 && Math.max(width, height) <= 201);
  const red = (x: number, y: number) => data[3 * (y * width + x)];
  const covered = Array.from({ length: width * height }, (_, i) => Number(data[3 * i] < 255));
  // The box's diagonals set the scale; what it is follows from a picture of the box itself.
  const box = placed(weld(boxCorners([0, 0, 0], [1, 1, 1])), [0, 0, 0], n - 1);
  const ofBox = drawMesh(box, view);
  requireEqual('the same size', [ofBox.width, ofBox.height], [width, height]);
  const count = covered.reduce((sum, one) => sum + one, 0);
  const rows = covered.flatMap((one, i) => (one ? [Math.floor(i / width)] : []));
  const tall = Math.max(...rows) - Math.min(...rows) + 1;
  requireClose('area of a disc', [count], [(Math.PI / 4) * tall ** 2], { relative: 0.03 });
  const [x, y] = [Math.round(width / 2), Math.round(height / 2)];
  const offset = Math.round(tall / 4);
  require('lit from above and the left', red(x, y - offset) > red(x, y + offset) &&
    red(x - offset, y) > red(x + offset, y));
  const small = placed(ball, [n / 4, n / 4, n / 4], 0.5);
  const both = (meshes: readonly Mesh[]): Mesh => {
    const corners = meshes.flatMap(mesh =>
      [...mesh.triangles].flatMap(vertex => [...mesh.positions.subarray(3 * vertex, 3 * vertex + 3)]),
    );
    return weld(corners);
  };
  const hidden = [both([box, small]), both([small, box])].map(mesh => drawMesh(mesh, view));
  for (const picture of hidden) requireClose('a ball in a box', picture.data, ofBox.data, {});
});
