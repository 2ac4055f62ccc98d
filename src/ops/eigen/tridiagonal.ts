/**
 * All eigenpairs of symmetric matrices by way of a tridiagonal one (Golub and Van Loan, section 8.3): Householder's
 * reflectors, their product in blocks, the implicit QL algorithm, and its rotations on that product. All matrices of a
 * stack go through the same dispatches. How many sweeps QL takes is known on the device only: the most that are allowed
 * are dispatched, in bounded portions, and those after the last one needed find nothing to do.
 */

import { layoutOf, type Part, padded, quad, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { type Operand, scratch } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { type Dispatch, dispatch, foldedWorkgroups } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/eigen.js';
import { identity } from '../../wgsl/elementwise.js';
import { multiplyStored, productOfParts, quadsOf } from '../linear/product.js';
import { freeWorkgroup, powerOfTwo, soloWorkgroup } from './workgroups.js';

/** Rows of a matrix in a share of its product with a reflector. */
const band = kernels.householderConstants.BAND;
/** Reflectors that are multiplied together. */
const block = 32;
/** Groups of sweeps in one dispatch. */
const { GROUPS: groups, SWEEPS: sweepsOfGroup } = kernels.tridiagonalQlConstants;
/** Sweeps allowed an eigenvalue; the usual number is below 2. */
const mostSweeps = 5;

/** @param matrix (n, n) each, 3 rows or more. @param values (n), descending. @param vectors (n, n), orthonormal rows. */
export function tridiagonalEigenpairs(device: Device, matrix: Operand, values: Operand, vectors: Operand): Dispatch[] {
  const sizes = matrix.layout.parts.map(({ shape }) => rowsOf(shape));
  const scale = scratch(layoutOf([sizes.length]));
  const work = scratch(stackOf(sizes.map(n => [padded(n), n])));
  const reflectors = scratch(stackOf(sizes.map(n => [n, n])));
  const tridiagonal = scratch(stackOf(sizes.map(n => [2, n])));
  const basis = scratch(reflectors.layout);
  return [
    unitScale(device, matrix, work, scale),
    ...tridiagonalise(device, sizes, work, reflectors, tridiagonal),
    ...accumulate(device, sizes, reflectors, basis),
    ...iterate(device, sizes, tridiagonal, basis),
    order(device, sizes, { tridiagonal, basis, scale, values, vectors }),
  ];
}

function unitScale(device: Device, matrix: Operand, work: Operand, scale: Operand): Dispatch {
  const problems = matrix.layout.parts.map((part, i) => {
    const [from, to] = [quadsOf(part), quadsOf(work.layout.parts[i])];
    return {
      size: rowsOf(part.shape),
      matrix: from.first,
      matrixStride: from.stride,
      result: to.first,
      resultStride: to.stride,
      scale: i,
    };
  });
  return dispatch(kernels.unitScale, {
    constants: { WORKGROUP: soloWorkgroup(device) },
    problems,
    buffers: { matrix: matrix.storage, result: work.storage, scale: scale.storage },
    workgroups: [problems.length, 1, 1],
  });
}

/** Two dispatches per column: what needs all of the column, and one pass over what is left of the matrix. */
function tridiagonalise(
  device: Device,
  sizes: readonly number[],
  work: Operand,
  reflectors: Operand,
  tridiagonal: Operand,
): Dispatch[] {
  const partial = scratch(stackOf(sizes.map(n => [Math.ceil(n / band), n])));
  const pending = scratch(stackOf(sizes.map(n => [n])));
  const most = mostOf(sizes, size => size);
  const wide = freeWorkgroup(device);
  const dispatches: Dispatch[] = [];
  for (let column = 0; column + 1 < most; column++) {
    const problems = sizes.map((size, i) => ({
      size,
      column,
      matrix: work.layout.parts[i].offset / quad,
      stride: work.layout.parts[i].stride / quad,
      reflectors: reflectors.layout.parts[i].offset / quad,
      partial: partial.layout.parts[i].offset / quad,
      pending: pending.layout.parts[i].offset / quad,
      tridiagonal: tridiagonal.layout.parts[i].offset,
      tridiagonalStride: tridiagonal.layout.parts[i].stride,
    }));
    const shared = {
      matrix: work.storage,
      reflectors: reflectors.storage,
      partial: partial.storage,
      pending: pending.storage,
    };
    dispatches.push(
      dispatch(kernels.householder, {
        constants: { WORKGROUP: soloWorkgroup(device), BAND: band },
        problems,
        buffers: { ...shared, tridiagonal: tridiagonal.storage },
        workgroups: [problems.length, 1, 1],
      }),
    );
    if (column + 2 >= most) break;
    const quads = Math.ceil(most / quad) - Math.floor((column + 1) / quad);
    const bands = Math.ceil(most / band) - Math.floor((column + 1) / band);
    dispatches.push(
      dispatch(kernels.trailingUpdate, {
        constants: { WORKGROUP: wide, BAND: band },
        problems,
        buffers: shared,
        workgroups: [Math.ceil(quads / wide), bands, problems.length],
      }),
    );
  }
  return dispatches;
}

/** Q^T = H_{n-3} .. H_0 into `basis`, from the last block to the first: what a block turns are the rows and columns from it on. */
function accumulate(device: Device, sizes: readonly number[], reflectors: Operand, basis: Operand): Dispatch[] {
  const blocksOf = (n: number) => Math.ceil((n - 2) / block);
  const blocks = sizes.flatMap((n, matrix) =>
    Array.from({ length: blocksOf(n) }, (_, i) => ({
      matrix,
      at: i * block,
      rows: Math.min(block, n - 2 - i * block),
    })),
  );
  const gram = scratch(stackOf(blocks.map(({ rows }) => [rows, rows])));
  const compact = scratch(reflectors.layout);
  const overlap = scratch(stackOf(sizes.map(n => [n, block])));
  const cut = ({ layout }: Operand, matrix: number, row: number, column: number, shape: [number, number]): Part => {
    const { offset, stride } = layout.parts[matrix];
    return { shape, offset: offset + row * stride + column, stride };
  };
  const reflectorsOf = ({ matrix, at, rows }: (typeof blocks)[number], operand = reflectors) =>
    cut(operand, matrix, at, at, [rows, sizes[matrix] - at]);
  const identities = sizes.map((size, i) => {
    const { first, stride } = quadsOf(basis.layout.parts[i]);
    return { size, result: first, resultStride: stride };
  });
  const most = mostOf(sizes, size => size);
  const wide = freeWorkgroup(device);
  const [along, high] = foldedWorkgroups(most * Math.ceil(most / quad), wide, device);
  const dispatches: Dispatch[] = [
    dispatch(identity, {
      constants: { WORKGROUP: wide },
      problems: identities,
      buffers: { result: basis.storage },
      workgroups: [along, high, sizes.length],
    }),
    multiplyStored(
      device,
      blocks.map((one, i) => productOfParts(reflectorsOf(one), reflectorsOf(one), gram.layout.parts[i])),
      { left: reflectors.storage, right: reflectors.storage, result: gram.storage },
      { transposeRight: true },
    ),
    dispatch(kernels.compactWy, {
      constants: { WORKGROUP: wide },
      problems: blocks.map((one, i) => {
        const [from, to] = [quadsOf(reflectorsOf(one)), quadsOf(reflectorsOf(one, compact))];
        return {
          rows: one.rows,
          columns: sizes[one.matrix] - one.at,
          gram: gram.layout.parts[i].offset,
          gramStride: gram.layout.parts[i].stride,
          reflectors: from.first,
          reflectorsStride: from.stride,
          result: to.first,
          resultStride: to.stride,
        };
      }),
      buffers: { gram: gram.storage, reflectors: reflectors.storage, result: compact.storage },
      workgroups: [Math.ceil(most / quad / wide), 1, blocks.length],
    }),
  ];
  for (let number = blocksOf(most) - 1; number >= 0; number--) {
    const own = blocks.filter(({ at }) => at === number * block);
    const left = own.map(({ matrix, at }) => sizes[matrix] - at);
    const corners = own.map(({ matrix, at }, i) => cut(basis, matrix, at, at, [left[i], left[i]]));
    const overlaps = own.map(({ matrix, rows }, i) => cut(overlap, matrix, 0, 0, [left[i], rows]));
    dispatches.push(
      multiplyStored(
        device,
        own.map((one, i) => productOfParts(corners[i], reflectorsOf(one), overlaps[i])),
        { left: basis.storage, right: reflectors.storage, result: overlap.storage },
        { transposeRight: true },
      ),
      multiplyStored(
        device,
        own.map((one, i) =>
          productOfParts(overlaps[i], reflectorsOf(one, compact), corners[i], { alpha: -1, beta: 1 }),
        ),
        { left: overlap.storage, right: compact.storage, result: basis.storage },
      ),
    );
  }
  return dispatches;
}

/** QL on the tridiagonal matrices, and its rotations on the rows of `basis`. */
function iterate(device: Device, sizes: readonly number[], tridiagonal: Operand, basis: Operand): Dispatch[] {
  const rotations = scratch(stackOf(sizes.map(n => [groups * (n + 2), 2 * sweepsOfGroup])));
  const ranges = scratch(stackOf(sizes.map(() => [2 * groups])));
  const progress = scratch(stackOf(sizes.map(() => [2])));
  const most = mostOf(sizes, size => size);
  const wide = freeWorkgroup(device, 32);
  const sweeps = (restart: number) =>
    dispatch(kernels.tridiagonalQl, {
      constants: { WORKGROUP: soloWorkgroup(device, 32), MOST_SIZE: powerOfTwo(most, 128) },
      problems: sizes.map((size, i) => ({
        size,
        restart,
        tridiagonal: tridiagonal.layout.parts[i].offset,
        tridiagonalStride: tridiagonal.layout.parts[i].stride,
        rotations: rotations.layout.parts[i].offset / 2,
        ranges: ranges.layout.parts[i].offset / 2,
        progress: progress.layout.parts[i].offset / 2,
      })),
      buffers: {
        tridiagonal: tridiagonal.storage,
        rotations: rotations.storage,
        ranges: ranges.storage,
        progress: progress.storage,
      },
      workgroups: [sizes.length, 1, 1],
    });
  const rotate = dispatch(kernels.rotateRows, {
    constants: { WORKGROUP: wide, GROUPS: groups },
    problems: sizes.map((size, i) => ({
      size,
      columns: size,
      vectors: basis.layout.parts[i].offset / quad,
      vectorsStride: basis.layout.parts[i].stride / quad,
      rotations: rotations.layout.parts[i].offset / quad,
      ranges: ranges.layout.parts[i].offset / 2,
    })),
    buffers: { rotations: rotations.storage, ranges: ranges.storage, vectors: basis.storage },
    workgroups: [Math.ceil(most / quad / wide), 1, sizes.length],
  });
  const [first, next] = [sweeps(1), sweeps(0)];
  const portions = Math.ceil((mostSweeps * most) / (groups * sweepsOfGroup));
  return Array.from({ length: portions }, (_, i) => [i === 0 ? first : next, rotate]).flat();
}

interface Ordering {
  readonly tridiagonal: Operand;
  readonly basis: Operand;
  readonly scale: Operand;
  readonly values: Operand;
  readonly vectors: Operand;
}

function order(device: Device, sizes: readonly number[], operands: Ordering): Dispatch {
  const { tridiagonal, basis, scale, values, vectors } = operands;
  return dispatch(kernels.orderPairs, {
    constants: { WORKGROUP: soloWorkgroup(device, 64) },
    problems: sizes.map((size, i) => {
      const [from, to] = [quadsOf(basis.layout.parts[i]), quadsOf(vectors.layout.parts[i])];
      return {
        rows: size,
        columns: size,
        values: tridiagonal.layout.parts[i].offset,
        vectors: from.first,
        vectorsStride: from.stride,
        orderedValues: values.layout.parts[i].offset,
        orderedVectors: to.first,
        orderedStride: to.stride,
        scale: i,
      };
    }),
    buffers: {
      values: tridiagonal.storage,
      vectors: basis.storage,
      scale: scale.storage,
      orderedValues: values.storage,
      orderedVectors: vectors.storage,
    },
    workgroups: [mostOf(sizes, size => size), 1, sizes.length],
  });
}
