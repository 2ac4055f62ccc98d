/** What every reader of meshes makes of a file. */

export interface Corners {
  /** x, y, z, as exact as the file says them. */
  readonly positions: ArrayLike<number>;
  /** Numbers of positions, three a triangle; absent where they are in their order. */
  readonly corners?: ArrayLike<number>;
}

/** Throws with what is wrong, and what would mend it. */
export type Fail = (what: string, remedy?: string) => never;

export const pointRemedy = 'write numbers with a decimal point and no other marks';

/**
 * Adds a polygon as a fan of triangles. What the fan of a hollow polygon covers beside it, it covers an even number of
 * times.
 */
export function addPolygon(corners: number[], polygon: readonly number[]): void {
  for (let i = 2; i < polygon.length; i++) corners.push(polygon[0], polygon[i - 1], polygon[i]);
}
