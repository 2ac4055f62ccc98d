/** The schedules of the matrix products (kernels/schedule/) with what they may be set to. */

import { quad } from '../buffer/layout.js';
import type { SlotText } from '../kernel/kernel.js';
import * as texts from '../wgsl/schedule.js';

/** How products are cut up among invocations: a text of kernels/schedule/ with its constants. */
export interface Schedule {
  /** The name and what it is set to, by which a tuner remembers it. */
  readonly id: string;
  /** What fills the kernel's slot `schedule`. */
  readonly text: SlotText;
  /** Those of the text, by name, with the values of this schedule. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Rows of a result that one workgroup makes. */
  readonly tileRows: number;
  /** Columns of a result that one workgroup makes. */
  readonly tileColumns: number;
  /** Invocations of a workgroup. */
  readonly invocations: number;
}

/** Register tiles of (4 blocks) x (4 blocks) a thread, lanes x lanes threads a workgroup. */
export function registerSchedule(lanes: [number, number], blocks: [number, number]): Schedule {
  return {
    id: `register ${lanes.join('x')} ${blocks.join('x')}`,
    text: texts.register,
    constants: { LANE_ROWS: lanes[0], LANE_COLUMNS: lanes[1], LEFT_BLOCKS: blocks[0], RIGHT_BLOCKS: blocks[1] },
    tileRows: quad * lanes[0] * blocks[0],
    tileColumns: quad * lanes[1] * blocks[1],
    invocations: lanes[0] * lanes[1],
  };
}

/** The lanes of a subgroup share 4 `shared` lines of one operand and own 4 `own` of the other each. */
export function subgroupSchedule(size: number, shared: number, own: number, mirrored = false): Schedule {
  const [sharedLines, ownLines] = [quad * shared, quad * size * own];
  return {
    id: `subgroup ${size} ${shared}x${own}${mirrored ? ' mirrored' : ''}`,
    text: texts.subgroup,
    constants: { SUBGROUP: size, SHARED_BLOCKS: shared, OWN_BLOCKS: own, MIRRORED: mirrored },
    tileRows: mirrored ? ownLines : sharedLines,
    tileColumns: mirrored ? sharedLines : ownLines,
    invocations: size,
  };
}

const quadLanes = 4;

/** Subgroups of 4 lanes: 16 blocks x 16 blocks, `depth` quads of the inner axis a turn. */
export function quadSchedule(blocks: readonly [number, number], depth = 1): Schedule {
  return {
    id: `quad ${blocks.join('x')}${depth > 1 ? ` by ${depth}` : ''}`,
    text: texts.quad,
    constants: { LEFT_BLOCKS: blocks[0], RIGHT_BLOCKS: blocks[1], DEPTH: depth },
    tileRows: quad * quadLanes * blocks[0],
    tileColumns: quad * quadLanes * blocks[1],
    invocations: quadLanes,
  };
}

/** Tiles in workgroup memory, of lanes x lanes threads with (4 blocks) x (4 blocks) numbers each, in so many slices as make 256 threads. */
export function workgroupSchedule(lanes: number, blocks: number): Schedule {
  const side = quad * lanes * blocks;
  return {
    id: `workgroup ${side}`,
    text: texts.workgroup,
    constants: { LANES: lanes, BLOCKS: blocks },
    tileRows: side,
    tileColumns: side,
    invocations: 256,
  };
}
