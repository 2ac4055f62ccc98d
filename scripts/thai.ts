/**
 * The occupancy of the Thai statue, from a sine network that is its signed distance function; the network's file is not
 * shipped.
 *
 *   tsx scripts/thai.ts FILE [--size 76x128x66] [--out statue.npy] [--adapter NAME]
 *
 * Below 0 is inside, and of what is inside the largest connected part is kept.
 */

import { InputError } from '../src/errors.js';
import { gridAround } from '../src/geometry/voxelise.js';
import { readBytes } from '../src/io/files.js';
import { writeNpy } from '../src/io/npy.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { insideOf, largestComponent, torchLayers } from './signedDistance.js';
import { wordsOf } from './words.js';

/** Of the statue, x, y, z. */
const box = { least: [-0.787, -1, -0.575], greatest: [0.386, 1, 0.449] };
const omega = 30;
const mostBytes = 1e9;

const { values, positionals } = wordsOf({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '76x128x66' },
    out: { type: 'string', default: 'statue.npy' },
    adapter: { type: 'string', default: 'auto' },
  },
});
const [path] = positionals;
const sides = values.size.split('x').map(Number);
if (path === undefined || sides.length !== 3 || !sides.every(n => Number.isInteger(n) && n > 0)) {
  throw new InputError('tsx scripts/thai.ts FILE --size AxBxC: the network, and points along x, y, z');
}
const layers = torchLayers(path, await readBytes('network', path, mostBytes), 3);
const grid = gridAround(box, sides, 0);
const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
const inside = await insideOf(engine, layers, omega, grid).finally(() => engine.dispose());
const statue = largestComponent(inside, grid.shape);
await writeNpy(values.out, grid.shape, put => put(0, statue), 'uint8');
const count = (points: Uint8Array) => points.reduce((sum, one) => sum + one, 0);
console.log(`${values.out}: ${values.size}, ${count(statue)} points inside, ${count(inside)} with its fragments`);
