/** Meshes from and to OBJ, PLY and STL files, the latter by three.js's exporters. */

import { extname } from 'node:path';
import { BufferAttribute, BufferGeometry, Mesh as ThreeMesh } from 'three';
import { OBJExporter } from 'three/addons/exporters/OBJExporter.js';
import { PLYExporter } from 'three/addons/exporters/PLYExporter.js';
import { STLExporter } from 'three/addons/exporters/STLExporter.js';
import { InputError } from '../../errors.js';
import { withoutDuplicates } from '../../geometry/duplicates.js';
import { nextCorner, type Opening, openEdges, openingOf } from '../../geometry/edges.js';
import { splitAtJunctions } from '../../geometry/junctions.js';
import { boundsOf, type Mesh, weld, weldNear } from '../../geometry/mesh.js';
import { readBytes } from '../files.js';
import type { Fail } from './corners.js';
import { objCorners } from './obj.js';
import { plyCorners } from './ply.js';
import { stlCorners } from './stl.js';

export const meshFormats = ['obj', 'ply', 'stl'] as const;
export type MeshFormat = (typeof meshFormats)[number];

/** Larger files are refused: their numbers take several times as much in memory. */
const mostBytes = 256e6;

/** The format that a file's name ends with, if it is one of a mesh. */
export function meshFormatOf(path: string): MeshFormat | undefined {
  return meshFormats.find(format => extname(path).toLowerCase() === `.${format}`);
}

/** A mesh as a file holds it. */
export interface FileMesh extends Mesh {
  /** What was mended in it, for whoever reads the file. */
  readonly remarks: readonly string[];
}

/** @throws InputError a file that cannot be read, is damaged, or holds no closed mesh of finite vertices. */
export async function readMesh(path: string, format: MeshFormat): Promise<FileMesh> {
  return decodeMesh(path, format, await readBytes('mesh', path, mostBytes));
}

const readers = { obj: objCorners, ply: plyCorners, stl: stlCorners } as const;
/** Of the mesh's extent: vertices of open edges that are no further apart are one. */
const nearEnough = 1e-5;
/** Of the largest coordinate: a mesh of a smaller extent is lost in the rounding of float64. */
const leastExtent = 2 ** -40;

/** The same from the bytes of a file. */
export function decodeMesh(path: string, format: MeshFormat, bytes: Uint8Array<ArrayBuffer>): FileMesh {
  const fail: Fail = (what, remedy = `give a whole ${format.toUpperCase()} file of a closed surface`) => {
    throw new InputError(`mesh ${path}: ${what}: ${remedy}`);
  };
  const { positions, corners, doubt } = readers[format](bytes, fail);
  const count = corners?.length ?? positions.length / 3;
  for (let at = 0; at < count; at++) {
    const vertex = corners ? corners[at] : at;
    const place = [0, 1, 2].map(axis => positions[3 * vertex + axis]);
    if (place.every(Number.isFinite)) continue;
    const which = corners ? `vertex ${vertex}` : `corner ${at % 3} of face ${Math.floor(at / 3)}`;
    fail(`${which}, from 0, is at (${place.join(', ')})`);
  }
  const mesh = weld(positions, corners);
  if (mesh.triangles.length === 0) fail('has no faces');
  requireExtent(mesh, fail);
  return closed(mesh, fail, doubt);
}

function requireExtent(mesh: Mesh, fail: Fail): void {
  const { least, greatest } = boundsOf(mesh);
  const extents = greatest.map((value, axis) => value - least[axis]);
  const largest = Math.max(...least.map(Math.abs), ...greatest.map(Math.abs));
  const extent = Math.max(...extents);
  if (!Number.isFinite(extent)) fail(`reaches to ${largest}, and its extent is no number`, 'scale it down');
  const flat = extents.findIndex(value => value <= largest * leastExtent);
  if (flat < 0) return;
  const reach = (axis: number) => (Math.abs(least[axis]) > Math.abs(greatest[axis]) ? least : greatest)[axis];
  if (extents[flat] > Math.abs(reach(flat)) * leastExtent) {
    const far = [0, 1, 2].find(axis => Math.abs(reach(axis)) === largest) as number;
    const [own, other] = [flat, far].map(axis => `along ${'xyz'[axis]}`);
    fail(
      `is ${extents[flat]} ${own} and reaches to ${reach(far)} ${other}, beside which nothing is left of it`,
      `scale it down ${other}`,
    );
  }
  const remedy =
    extent < largest / 1000
      ? 'write its coordinates with more digits, or nearer the origin'
      : 'give a surface that bounds a solid';
  fail(`is flat: all its vertices have ${'xyz'[flat]} ${least[flat]}`, remedy);
}

/** The mesh, closed by what is certain to be meant: what was given twice is there once, corners that nearly meet do, on edges too. */
function closed(mesh: Mesh, fail: Fail, doubt?: string): FileMesh {
  const single = withoutDuplicates(mesh);
  const open = openEdges(single);
  if (open.length === 0) return { ...single, remarks: droppedText(mesh, single) };
  const { least, greatest } = boundsOf(single);
  const distance = nearEnough * Math.max(...greatest.map((value, axis) => value - least[axis]));
  const ends = new Set(open.flatMap(corner => [single.triangles[corner], single.triangles[nextCorner(corner)]]));
  const near = weldNear(single, ends, distance);
  const split = splitAtJunctions(near.mesh, openEdges(near.mesh), distance);
  const met = withoutDuplicates(split.mesh);
  const left = openEdges(met).length;
  if (met.triangles.length > 0 && left === 0) {
    const remarks = [
      ...droppedText(mesh, single),
      ...(near.welded > 0 ? [`${near.welded} corners that nearly met were welded`] : []),
      ...(split.edges > 0 ? [`${split.edges} edges on which corners of other faces lie were split there`] : []),
    ];
    return { ...met, remarks: [...remarks, ...droppedText(split.mesh, met)] };
  }
  return fail(doubt ?? openingText(openingOf(left > 0 && left < open.length ? met : single)));
}

function droppedText(before: Mesh, after: Mesh): string[] {
  const dropped = (before.triangles.length - after.triangles.length) / 3;
  return dropped > 0 ? [`${dropped} faces were given more than once`] : [];
}

function openingText({ holes, crowded, crowdedAt }: Opening): string {
  const at = (place: readonly number[]) => `(${place.map(value => Number(value.toPrecision(6))).join(', ')})`;
  if (holes.length === 0)
    return `has ${crowded} edges of an odd number of faces above two, the first at ${at(crowdedAt)}`;
  const edges = holes.reduce((sum, hole) => sum + hole.edges, 0);
  const also = crowded > 0 ? `, and ${crowded} edges of three faces or more, the first at ${at(crowdedAt)}` : '';
  return `has holes: ${edges} edges belong to one face alone, around ${holes.length === 1 ? 'one hole,' : `${holes.length} holes, the first`} at ${at(holes[0].middle)}${also}`;
}

/** Coordinates within so many times the extent keep the shape in float32: 16 bits of the extent. */
const mostTimesExtent = 256;

/** The file of a mesh: OBJ as text, the others binary; where float32 would lose the shape, STL is text, PLY double. */
export function encodeMesh(mesh: Mesh, format: MeshFormat): string | Uint8Array {
  const { least, greatest } = boundsOf(mesh);
  const extent = Math.max(...greatest.map((value, axis) => value - least[axis]));
  const largest = Math.max(...least.map(Math.abs), ...greatest.map(Math.abs));
  const isFar = mesh.triangles.length > 0 && largest > mostTimesExtent * extent;
  const geometry = new BufferGeometry();
  const positions = isFar ? mesh.positions : Float32Array.from(mesh.positions);
  geometry.setAttribute('position', new BufferAttribute(positions, 3));
  geometry.setIndex(new BufferAttribute(mesh.triangles, 1));
  const drawn = new ThreeMesh(geometry);
  if (format === 'obj') return new OBJExporter().parse(drawn);
  if (format === 'stl') {
    if (isFar) return new STLExporter().parse(drawn, { binary: false });
    return new Uint8Array(new STLExporter().parse(drawn, { binary: true }).buffer as ArrayBuffer);
  }
  // A callback would wait for a browser's animation frame.
  if (isFar) {
    const text = new PLYExporter().parse(drawn, undefined as never, { binary: false }) as unknown as string;
    return text.replaceAll('property float', 'property double');
  }
  const ply = new PLYExporter().parse(drawn, undefined as never, { binary: true, littleEndian: true });
  return new Uint8Array(ply as ArrayBuffer);
}
