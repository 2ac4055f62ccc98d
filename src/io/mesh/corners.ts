/** What every reader of meshes makes of a file. */

export interface Corners {
  /** x, y, z, as exact as the file says them. */
  readonly positions: ArrayLike<number>;
  /** Numbers of positions, three a triangle; absent where they are in their order. */
  readonly corners?: ArrayLike<number>;
  /** What else may be wrong where they are not closed. */
  readonly doubt?: string;
}

/** Throws with what is wrong, and what would mend it. */
export type Fail = (what: string, remedy?: string) => never;

export const pointRemedy = 'write numbers with a decimal point and no other marks';

/**
 * Adds a polygon as a fan of triangles. What the fan of a hollow polygon covers beside it, it covers an even number of
 * times. The fan starts at the least of its numbers: so a polygon given twice, in turn or backwards, has the same triangles.
 */
export function addPolygon(corners: number[], polygon: readonly number[]): void {
  const start = polygon.length > 3 ? polygon.indexOf(polygon.reduce((least, number) => Math.min(least, number))) : 0;
  const at = (i: number) => polygon[(start + i) % polygon.length];
  for (let i = 2; i < polygon.length; i++) corners.push(at(0), at(i - 1), at(i));
}
