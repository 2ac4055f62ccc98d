/** The schedule of the matrix products for units that multiply matrices of float16, and when it is taken. */

import { subgroupMatrix } from '../wgsl/schedule.js';
import type { Schedule } from './schedule.js';
import type { Products } from './table.js';

/** Matrices that a subgroup multiplies in one instruction: (rows, inner) of float16 by (inner, columns), added up in float32. */
export interface MatrixUnit {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** Lanes of every subgroup. */
  readonly subgroup: number;
}

/** Rows, columns and inner axis of the products that are worth splitting into three. */
const large = 1024;
/** Of a tile: with all it needs of a workgroup's memory within the 16 KiB that every device has. */
const usualSide = 64;

/** The same on these units, of products that have at least 1024 rows, columns and numbers of the inner axis; of others none. */
export function tileOnUnits({ problems }: Products, unit: MatrixUnit): Schedule | undefined {
  const isLarge = problems.every(({ rows, columns, inner }) => Math.min(rows, columns, inner) >= large);
  return isLarge ? matrixSchedule(unit, usualSide) : undefined;
}

/**
 * Tiles of `side` rows and columns, by twice as many threads.
 *
 * @returns undefined where the threads are no whole subgroups, or a subgroup has less than one matrix of the tile.
 */
export function matrixSchedule({ rows, columns, inner, subgroup }: MatrixUnit, side: number): Schedule | undefined {
  const subgroups = (2 * side) / subgroup;
  const high = 2 ** Math.floor(Math.log2(subgroups) / 2);
  const counts = [subgroups, side / high / rows, (side * high) / subgroups / columns, 16 / inner];
  if (!counts.every(count => count >= 1 && Number.isInteger(count))) return undefined;
  return {
    id: `subgroupMatrix ${rows}x${columns}x${inner} ${side}`,
    text: subgroupMatrix,
    constants: {
      SUBGROUP: subgroup,
      SUBGROUP_ROWS: high,
      UNIT_ROWS: rows,
      UNIT_COLUMNS: columns,
      UNIT_INNER: inner,
      TILE: side,
    },
    tileRows: side,
    tileColumns: side,
    invocations: 2 * side,
  };
}
