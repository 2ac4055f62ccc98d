/** The schedule of the matrix products for units that multiply matrices of float16, and when it is taken. */

import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import { subgroupMatrix } from '../wgsl/schedule.js';
import type { Schedule } from './schedule.js';
import type { Products, TileOf } from './table.js';

/** Matrices that a subgroup multiplies in one instruction: (rows, inner) of float16 by (inner, columns), added up in float32. */
export interface MatrixUnit {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** Lanes of every subgroup. */
  readonly subgroup: number;
}

/** What a device must be asked for beside what it usually is: `deviceDescriptor(adapter, false, matrixFeatures)`. */
export const matrixFeatures = ['chromium-experimental-subgroup-matrix', 'shader-f16'] as const;

/** One of `GPUAdapterInfo.subgroupMatrixConfigs`. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Rows, columns and inner axis of the products that are worth splitting into three. */
const large = 1024;
/** Of a tile: with all it needs of a workgroup's memory within the 16 KiB that every device has. */
const usualSide = 64;

/**
 * Has products of at least 1024 rows, columns and numbers of the inner axis made by a device's matrix units.
 *
 * @param option by which they were asked for, in messages.
 * @throws InputError a device that has none, or not asked for, or whose subgroups are of several sizes.
 */
export function takeMatrixUnits(device: Device, option: string): void {
  const unit = unitOf(device, option);
  const tileOf: TileOf = products => tileOnUnits(products, unit);
  device.tileOf = tileOf;
}

/** The largest unit that a tile of the usual side is made of. */
function unitOf({ gpu, facts, subgroupSize, options }: Device, option: string): MatrixUnit {
  const adapter = facts.description || facts.architecture || facts.vendor || 'of the device';
  const refuse = (why: string) =>
    new InputError(`${option}: the adapter ${adapter} ${why}: leave it out, or use another adapter`);
  const missing = matrixFeatures.find(feature => !(gpu.features as ReadonlySet<string>).has(feature));
  if (missing) throw refuse(`lacks ${missing}, or the device was not asked for it`);
  if (subgroupSize === undefined) throw refuse('has no subgroups, or some of several sizes');
  const { subgroupMatrixConfigs: configs = [] } = (gpu.adapterInfo ?? options.info) as {
    subgroupMatrixConfigs?: readonly MatrixConfig[];
  };
  const [unit] = [...configs]
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .map(({ M, N, K }) => ({ rows: M, columns: N, inner: K, subgroup: subgroupSize }))
    .filter(one => matrixSchedule(one, usualSide))
    .sort((a, b) => b.rows * b.columns * b.inner - a.rows * a.columns * a.inner);
  if (!unit) throw refuse('multiplies no matrices of float16 with sums in float32 that divide a tile');
  return unit;
}

/** The schedule on these units, of products that have at least 1024 rows, columns and numbers of the inner axis; of others none. */
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
