/** What `sepnn surface` trains on: which points of a grid lie inside, and the surface that they came from. */

import { sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import type { VoxelGrid } from '../../geometry/fill.js';
import { marchingCubes, marchingCubesOf } from '../../geometry/marchingCubes.js';
import { boundsOf, type Mesh, placed } from '../../geometry/mesh.js';
import { gridAround, voxelise } from '../../geometry/voxelise.js';
import { type FileMesh, meshFormatOf, readMesh } from '../../io/mesh/meshFile.js';
import { readVolume } from '../../io/volumeFile.js';
import { isVolume, type SurfaceOptions, usualSide } from './options.js';

/** A mesh with a grid around it, or a volume on its own. */
export type SurfaceSource = { readonly grid: VoxelGrid } & (
  | { readonly mesh: FileMesh }
  | { readonly inside: Uint8Array }
);

export interface SurfaceData {
  readonly grid: VoxelGrid;
  /** 1 inside, 0 outside, (n_1, n_2, n_3), row-major. */
  readonly inside: Uint8Array;
  /** The mesh itself, or the surface around the volume's points. */
  readonly surface: Mesh;
}

/** Each takes a byte on the host: target and output are never held whole. */
const mostVoxels = 2 ** 30;
/** Between the two values of an occupancy. */
export const occupancyLevel = 0.5;

/** @throws InputError a file of no kind that is read, or damaged; a grid that is too large. */
export async function loadSurface(path: string, { size, margin }: SurfaceOptions): Promise<SurfaceSource> {
  if (isVolume(path)) {
    const { shape, inside } = await readVolume(path);
    if (shape.some(n => n < 2)) {
      throw new InputError(`volume ${path}: has ${shape.join(' x ')} points: use one of 2 x 2 x 2 or more`);
    }
    requireVoxels(`volume ${path}`, shape);
    return { grid: { shape, origin: [0, 0, 0], spacing: 1 }, inside };
  }
  const format = meshFormatOf(path);
  if (!format) throw new InputError(`${path}: is of no known kind: give an .obj, .ply, .stl or .npy file`);
  const mesh = await readMesh(path, format);
  const sides = size ?? usualSide;
  const grid = gridAround(boundsOf(mesh), sides, margin);
  requireVoxels(`--size ${[sides].flat().join('x')}`, grid.shape);
  return { grid, mesh };
}

/** What it comes to as an occupancy and as a surface. @throws InputError a grid of which no point lies inside. */
export function occupancyOf(path: string, source: SurfaceSource): SurfaceData {
  const { grid } = source;
  const inside = 'mesh' in source ? voxelise(source.mesh, grid) : source.inside;
  if (!inside.includes(1)) {
    throw new InputError(`${path}: none of ${grid.shape.join(' x ')} points lies inside: use a larger --size`);
  }
  const surface = 'mesh' in source ? source.mesh : marchingCubes(inside, grid.shape, occupancyLevel);
  return { grid, inside, surface };
}

function requireVoxels(what: string, shape: readonly number[]): void {
  const voxels = sizeOf(shape);
  if (voxels <= mostVoxels) return;
  throw new InputError(`${what}: ${shape.join(' x ')} are ${voxels} points, above ${mostVoxels}: use fewer`);
}

/** The surface on which a model's output, from front to back, passes `level`, where the grid lies. */
export async function surfaceOf(
  output: AsyncIterable<Float32Array>,
  { shape, origin, spacing }: VoxelGrid,
  level: number,
): Promise<Mesh> {
  return placed(await marchingCubesOf(output, shape, level), origin, spacing);
}
