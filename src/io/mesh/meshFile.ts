/** Meshes from and to OBJ, PLY and STL files, by three.js's loaders and exporters. */

import { extname } from 'node:path';
import { BufferAttribute, BufferGeometry, Mesh as ThreeMesh } from 'three';
import { OBJExporter } from 'three/addons/exporters/OBJExporter.js';
import { PLYExporter } from 'three/addons/exporters/PLYExporter.js';
import { STLExporter } from 'three/addons/exporters/STLExporter.js';
import { OBJLoader } from 'three/addons/loaders/OBJLoader.js';
import { PLYLoader } from 'three/addons/loaders/PLYLoader.js';
import { STLLoader } from 'three/addons/loaders/STLLoader.js';
import { InputError } from '../../errors.js';
import { type Mesh, openEdges, weld } from '../../geometry/mesh.js';
import { shown } from '../../host/checks.js';
import { readBytes } from '../files.js';
import { plyCounts } from './plyHeader.js';
import { stlFaces } from './stlClaims.js';

export const meshFormats = ['obj', 'ply', 'stl'] as const;
export type MeshFormat = (typeof meshFormats)[number];

/** Larger files are refused: their numbers take several times as much in memory. */
const mostBytes = 256e6;

/** The format that a file's name ends with, if it is one of a mesh. */
export function meshFormatOf(path: string): MeshFormat | undefined {
  return meshFormats.find(format => extname(path).toLowerCase() === `.${format}`);
}

/** @throws InputError a file that cannot be read, is damaged, or holds no closed mesh of finite vertices. */
export async function readMesh(path: string, format: MeshFormat): Promise<Mesh> {
  return decodeMesh(path, format, await readBytes('mesh', path, mostBytes));
}

/** The same from the bytes of a file. */
export function decodeMesh(path: string, format: MeshFormat, bytes: Uint8Array<ArrayBuffer>): Mesh {
  const fail = (what: string): never => {
    throw new InputError(`mesh ${path}: ${what}: give a whole ${format.toUpperCase()} file of a closed surface`);
  };
  const { positions, corners } = cornersOf(format, bytes, fail);
  const count = corners?.length ?? positions.length / 3;
  for (let at = 0; at < count; at++) {
    const vertex = corners ? corners[at] : at;
    const place = [0, 1, 2].map(axis => positions[3 * vertex + axis]);
    if (place.every(Number.isFinite)) continue;
    if (3 * vertex >= positions.length) fail(`face ${Math.floor(at / 3)}, from 0, has vertex ${vertex}, which is none`);
    const which = corners ? `vertex ${vertex}` : `corner ${at % 3} of face ${Math.floor(at / 3)}`;
    fail(`${which}, from 0, is at (${place.join(', ')})`);
  }
  const mesh = weld(positions, corners);
  if (mesh.triangles.length === 0) fail('has no faces');
  const open = openEdges(mesh);
  if (open > 0) fail(`has holes: ${open} edges are not shared by exactly two faces`);
  return mesh;
}

interface Corners {
  readonly positions: ArrayLike<number>;
  /** Numbers of positions, three a triangle; absent where they are in their order. */
  readonly corners?: ArrayLike<number>;
}

type Fail = (what: string) => never;

function cornersOf(format: MeshFormat, bytes: Uint8Array<ArrayBuffer>, fail: Fail): Corners {
  if (format === 'obj') return loaded(() => objGeometries(new TextDecoder().decode(bytes)), fail);
  const file = bytes.slice().buffer;
  if (format === 'stl') {
    const faces = stlFaces(bytes, fail);
    const found = loaded(() => [new STLLoader().parse(file)], fail);
    if (found.positions.length !== 9 * faces) fail(`has ${faces} faces, not all of which can be read`);
    return found;
  }
  const { vertices, faces } = plyCounts(bytes, fail);
  const found = loaded(() => [new PLYLoader().parse(file)], fail);
  if (found.positions.length !== 3 * vertices) fail(`has ${vertices} vertices, not all of which can be read`);
  if (faces > 0 && !found.corners) fail(`has ${faces} faces, none of which is of three or four corners`);
  return found;
}

function objGeometries(text: string): BufferGeometry[] {
  const meshes = new OBJLoader().parse(text).children.filter((child): child is ThreeMesh => child instanceof ThreeMesh);
  return meshes.map(mesh => mesh.geometry);
}

/** What a loader makes of a file. */
function loaded(load: () => readonly BufferGeometry[], fail: Fail): Corners {
  try {
    const geometries = silently(load);
    const parts = geometries.map(geometry => geometry.getAttribute('position')?.array ?? []);
    if (parts.length !== 1) return { positions: parts.flatMap(part => Array.from(part)) };
    const corners = geometries[0].getIndex()?.array;
    return { positions: parts[0], ...(corners && { corners }) };
  } catch (error) {
    return fail(`cannot be read (${shown((error as Error).message)})`);
  }
}

/** Loaders print what they pass over. stdout is the command's, and what matters of a mesh is checked here. */
function silently<T>(work: () => T): T {
  const { log, warn, error } = console;
  const nothing = () => {};
  Object.assign(console, { log: nothing, warn: nothing, error: nothing });
  try {
    return work();
  } finally {
    Object.assign(console, { log, warn, error });
  }
}

/** The file of a mesh: OBJ as text, the others binary. */
export function encodeMesh({ positions, triangles }: Mesh, format: MeshFormat): string | Uint8Array {
  const geometry = new BufferGeometry();
  geometry.setAttribute('position', new BufferAttribute(positions, 3));
  geometry.setIndex(new BufferAttribute(triangles, 1));
  const mesh = new ThreeMesh(geometry);
  if (format === 'obj') return new OBJExporter().parse(mesh);
  if (format === 'stl') return new Uint8Array(new STLExporter().parse(mesh, { binary: true }).buffer as ArrayBuffer);
  // A callback would wait for a browser's animation frame.
  const ply = new PLYExporter().parse(mesh, undefined as never, { binary: true, littleEndian: true });
  return new Uint8Array(ply as ArrayBuffer);
}
