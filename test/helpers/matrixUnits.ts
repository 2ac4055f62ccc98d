/**
 * Matrix units in plain WGSL, for adapters that have none: the text of a schedule with the extension's types and calls
 * replaced by what they are said to do (Dawn's docs/dawn/features/subgroup_matrix.md).
 *
 * - Numbers of float16 are kept as their bits, rounded to the nearest, to even where two are.
 * - Every lane of a subgroup, so many threads that follow each other, has its share of a matrix of sums.
 * - Four products at a time are added to a sum, all five cut off after 24 bits from the first of the largest, and so is what
 *   they make: nothing harsher was found in units of NVIDIA's (Fasi et al. 2021, "Numerical behavior of NVIDIA tensor cores").
 * - A load or a store that reaches past its array begins as much earlier, which is what Dawn makes of it.
 * - Loaded matrices are read where they stand as they are multiplied: until then nobody may write there.
 */

import type { SlotText } from '../../src/kernel/kernel.js';
import { type MatrixUnit, matrixSchedule } from '../../src/schedule/matrixUnits.js';
import type { Schedule } from '../../src/schedule/schedule.js';
import { subgroupMatrix } from '../../src/wgsl/schedule.js';

/** What the text is replaced by: each must be found. */
const replacements: readonly (readonly [found: RegExp, by: string])[] = [
  [/^\/\/# enable \w+\n/gm, ''],
  [
    /alias Left=[^;]*;alias Right=[^;]*;alias Sums=[^;]*;/,
    'alias Sums=array<f32,(UNIT_ROWS*UNIT_COLUMNS-1u)/SUBGROUP+1u>;',
  ],
  [/var<workgroup>(\w+):array<f16,([^>]*)>;/, 'const HALVES=$2;var<workgroup>$1:array<u32,HALVES/2u>;'],
  [/\bvec4h\(/g, 'nearestHalves('],
  [/subgroupMatrixLoad<(\w+),(\w+)_major>\(&\w+,/g, 'load$1_$2('],
  [/subgroupMatrixStore<(\w+)_major>\(&\w+,/g, 'store_$1('],
  [
    /@builtin\(local_invocation_index\)(\w+):u32,@builtin\(subgroup_id\)(\w+):u32,?\)\{/,
    '@builtin(local_invocation_index)$1:u32){let $2=$1/SUBGROUP;unitLane=$1%SUBGROUP;',
  ],
];

/** In the place of the extension. */
const units = (tiles: string, staged: string) => `
struct Left { at: u32, row: u32, inner: u32 }       // where it stands, and from row to row
struct Right { at: u32, inner: u32, column: u32 }
var<private> unitLane: u32;

fn loadLeft_row(at: u32, stride: u32) -> Left { return Left(min(at, HALVES - stride * UNIT_ROWS), stride, 1u); }
fn loadLeft_col(at: u32, stride: u32) -> Left { return Left(min(at, HALVES - stride * UNIT_INNER), 1u, stride); }
fn loadRight_row(at: u32, stride: u32) -> Right { return Right(min(at, HALVES - stride * UNIT_INNER), stride, 1u); }
fn loadRight_col(at: u32, stride: u32) -> Right { return Right(min(at, HALVES - stride * UNIT_COLUMNS), 1u, stride); }

fn store_row(at: u32, sums: Sums, stride: u32) {
  let first = min(at, STAGED_NUMBERS - stride * UNIT_ROWS);
  for (var e = unitLane; e < UNIT_ROWS * UNIT_COLUMNS; e += SUBGROUP) {
    ${staged}[first + e / UNIT_COLUMNS * stride + e % UNIT_COLUMNS] = sums[e / SUBGROUP];
  }
}

fn subgroupMatrixMultiplyAccumulate(left: Left, right: Right, before: Sums) -> Sums {
  var sums = before;
  for (var e = unitLane; e < UNIT_ROWS * UNIT_COLUMNS; e += SUBGROUP) {
    for (var k = 0u; k < UNIT_INNER; k += 4u) {
      let x = left.at + e / UNIT_COLUMNS * left.row + k * left.inner;
      let y = right.at + e % UNIT_COLUMNS * right.column + k * right.inner;
      sums[e / SUBGROUP] = cutSum(sums[e / SUBGROUP], halves(x, left.inner) * halves(y, right.inner));
    }
  }
  return sums;
}

/// sum + the four terms: each in whole units of the last place of the largest, and the sum's first 24 bits.
fn cutSum(sum: f32, terms: vec4f) -> f32 {
  let sizes = abs(terms);
  let largest = bitcast<u32>(max(abs(sum), max(max(sizes.x, sizes.y), max(sizes.z, sizes.w)))) >> 23u;
  let plain = sum + terms.x + terms.y + terms.z + terms.w;
  if (largest < 64u || (bitcast<u32>(plain) & 0x7f800000u) == 0x7f800000u) { return plain; }
  let place = bitcast<f32>((largest - 23u) << 23u);
  let wholes = vec4i(terms / place);
  let whole = i32(sum / place) + wholes.x + wholes.y + wholes.z + wholes.w;
  let size = u32(abs(whole));
  let beyond = 8u - min(countLeadingZeros(size), 8u);
  return f32(sign(whole)) * f32((size >> beyond) << beyond) * place;
}

/// To the nearest of float16, of two to the even one.
fn nearestHalves(x: vec4f) -> vec4f {
  let sizes = bitcast<vec4u>(abs(x));
  let usual = bitcast<vec4f>((sizes + 0xfffu + ((sizes >> vec4u(13u)) & vec4u(1u))) & vec4u(0xffffe000u));
  let small = round(abs(x) * 16777216.0) / 16777216.0;
  let huge = bitcast<vec4f>(select(vec4u(0x7f800000u), sizes, sizes > vec4u(0x7f800000u)));
  return sign(x) * select(select(usual, small, sizes < vec4u(0x38800000u)), huge, sizes >= vec4u(0x477ff000u));
}

fn halves(at: u32, stride: u32) -> vec4f {
  return vec4f(half(at), half(at + stride), half(at + 2u * stride), half(at + 3u * stride));
}

fn half(at: u32) -> f32 { return unpack2x16float(${tiles}[at / 2u])[at % 2u]; }

/// x is a number of float16. The two of a word are written by one thread.
fn putHalf(at: u32, x: f32) {
  var both = unpack2x16float(${tiles}[at / 2u]);
  both[at % 2u] = x;
  ${tiles}[at / 2u] = pack2x16float(both);
}
`;

/** A text of the schedule for an adapter without matrix units. */
export function emulation({ source, ...rest }: SlotText): SlotText {
  const { name } = rest;
  const nameOf = (type: string) => {
    const found = new RegExp(`var<workgroup>(\\w+):array<${type},([^>]*)>;`).exec(source);
    if (!found) throw new Error(`${name}: no array of ${type} in the memory of its workgroups`);
    return found as unknown as readonly [string, string, string];
  };
  const [[, tiles], [, staged, count]] = [nameOf('f16'), nameOf('f32')];
  let text = source;
  for (const [found, by] of [
    ...replacements,
    [new RegExp(`\\b${tiles}\\[([^\\]]*)\\]=(\\w+\\[\\w+\\]);`, 'g'), 'putHalf($1,$2);'],
  ] as const) {
    if (text.search(found) < 0) throw new Error(`${name}: nothing in it is like ${found}`);
    text = text.replace(found, by);
  }
  return { ...rest, source: `${text}\n${units(tiles, staged).replace('STAGED_NUMBERS', count)}` };
}

const emulatedText = emulation(subgroupMatrix);

/** The schedule on units of this sort, emulated. @param text what fills the slot instead, for a test of this file. */
export function emulatedSchedule(unit: MatrixUnit, side: number, text: SlotText = emulatedText): Schedule {
  const schedule = matrixSchedule(unit, side);
  if (!schedule) throw new Error(`no tile of ${side} for ${JSON.stringify(unit)}`);
  return { ...schedule, id: `${schedule.id} of ${unit.subgroup} lanes, emulated`, text };
}
