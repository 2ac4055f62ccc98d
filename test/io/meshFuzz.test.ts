/** Mutated mesh files: refused in one line, or read as an independent reader reads them. SEPNN_FUZZ_FILES says how many. */

import fc from 'fast-check';
import type { Mesh } from '../../src/geometry/mesh.js';
import { decodeMesh, encodeMesh, type FileMesh, type MeshFormat } from '../../src/io/mesh/meshFile.js';
import { require } from '../helpers/compare.js';
import { damaged, readOrRefused, reworded } from '../helpers/fuzz.js';
import { random } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { objTriangles, plyTriangles, stlTriangles } from '../reference/host/meshReader.js';

const test = suite('mutated meshes');
const count = Number(process.env.SEPNN_FUZZ_FILES ?? 1000);
const readers = { obj: objTriangles, ply: plyTriangles, stl: stlTriangles } as const;

/** Each triangle of three different corners as text that does not depend on which is first; sorted. */
function told(triangles: readonly (readonly number[])[]): string[] {
  return triangles
    .map(numbers =>
      [0, 3, 6].map(i =>
        numbers
          .slice(i, i + 3)
          .map(value => value + 0)
          .join(' '),
      ),
    )
    .filter(corners => new Set(corners).size === 3)
    .map(corners => [...corners].sort().join(' | '))
    .sort();
}

function trianglesOf({ positions, triangles }: Mesh): number[][] {
  return Array.from({ length: triangles.length / 3 }, (_, face) =>
    Array.from(triangles.subarray(3 * face, 3 * face + 3)).flatMap(at => [...positions.subarray(3 * at, 3 * at + 3)]),
  );
}

const corners = [0, 1, 2, 3, 4, 5, 6, 7].map(i => [i & 1 ? 3.25 : 0.5, i & 2 ? 2 : 1e-1, i & 4 ? 1 : -0.75]);
const quads = ['0 2 3 1', '4 5 7 6', '0 1 5 4', '2 6 7 3', '0 4 6 2', '1 3 7 5'].map(text =>
  text.split(' ').map(Number),
);
const obj = `${corners.map(c => `v ${c.join(' ')}\n`).join('')}${quads.map(q => `f ${q.map(i => i + 1).join(' ')}\n`).join('')}`;
const ply = `ply\nformat ascii 1.0\nelement vertex 8\nproperty double x\nproperty double y\nproperty double z\nelement face 6\nproperty list uchar int vertex_indices\nend_header\n${corners.map(c => `${c.join(' ')}\n`).join('')}${quads.map(q => `4 ${q.join(' ')}\n`).join('')}`;
const bytesOf = (data: string | Uint8Array) =>
  Uint8Array.from(typeof data === 'string' ? new TextEncoder().encode(data) : data);
const box = decodeMesh('x', 'obj', bytesOf(obj));
const stl = `solid box\n${trianglesOf(box)
  .map(
    t =>
      `facet normal 0 0 0\nouter loop\n${[0, 3, 6].map(i => `vertex ${t.slice(i, i + 3).join(' ')}\n`).join('')}endloop\nendfacet\n`,
  )
  .join('')}endsolid box\n`;
const bases: readonly [MeshFormat, string | Uint8Array][] = [
  ['obj', obj],
  ['ply', ply],
  ['stl', stl],
  ['ply', encodeMesh(box, 'ply')],
  ['stl', encodeMesh(box, 'stl')],
];

test(`${count} mutated files of meshes are refused, or read as an independent reader reads them`, () => {
  let read = 0;
  for (const [format, data] of bases) {
    const kinds = [damaged(bytesOf(data)), ...(typeof data === 'string' ? [reworded(data)] : [])];
    for (const kind of kinds) {
      const check = (bytes: Uint8Array<ArrayBuffer>) => {
        let mesh: FileMesh | undefined;
        readOrRefused(() => {
          mesh = decodeMesh('x', format, bytes);
        });
        if (!mesh || mesh.remarks.length > 0) return;
        read++;
        const [ours, theirs] = [told(trianglesOf(mesh)), told(readers[format](bytes))];
        require(`${format}: got ${ours.join('; ')}, expected ${theirs.join('; ')}`, ours.join() === theirs.join());
      };
      const numRuns = Math.ceil(count / bases.length / kinds.length);
      fc.assert(fc.property(kind, check), {
        includeErrorInReport: true,
        numRuns,
        seed: Math.floor(random() * 2 ** 31),
      });
    }
  }
  require(`${read} of ${count} were read`, read > count / 100);
}, 600);
