/** Solid angles and volumes of closed triangle meshes, in float64. */

type Vector = readonly number[];

function cornersOf(positions: ArrayLike<number>, triangles: ArrayLike<number>, at: number): Vector[] {
  return [0, 1, 2].map(corner => [0, 1, 2].map(axis => positions[3 * triangles[at + corner] + axis]));
}

function cross(u: Vector, v: Vector): Vector {
  return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
}

function dot(u: Vector, v: Vector): number {
  return u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
}

/** How often the mesh winds around a point: its solid angle over 4 pi (Van Oosterom and Strackee 1983, equation 8). */
export function windingNumber(positions: ArrayLike<number>, triangles: ArrayLike<number>, point: Vector): number {
  let angle = 0;
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = cornersOf(positions, triangles, at).map(corner => corner.map((x, axis) => x - point[axis]));
    const [la, lb, lc] = [a, b, c].map(corner => Math.hypot(...corner));
    const denominator = la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb;
    angle += 2 * Math.atan2(dot(a, cross(b, c)), denominator);
  }
  return angle / (4 * Math.PI);
}

/** By the divergence theorem; positive where triangles run anticlockwise as seen from outside. */
export function solidVolume(positions: ArrayLike<number>, triangles: ArrayLike<number>): number {
  let volume = 0;
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = cornersOf(positions, triangles, at);
    volume += dot(a, cross(b, c)) / 6;
  }
  return volume;
}
