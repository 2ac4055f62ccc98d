/** The benchmark's findings as tables of text, for a terminal or a page. */

import type { Spread } from './contest.js';
import type {
  BenchResult,
  EigenResult,
  EighResult,
  EquationResult,
  GrowthResult,
  KernelsResult,
  ProductResult,
  StepResult,
} from './results.js';

export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

export function sectionsOf(result: BenchResult): Section[] {
  return [
    adapterSection(result),
    ...(result.products.length > 0 ? [productSection(result.products)] : []),
    ...result.kernels.map(kernelSection),
    ...(result.eigh.length > 0 ? [eighSection(result.eigh)] : []),
    ...(result.eigen.length > 0 ? [eigenSection(result.eigen)] : []),
    ...result.steps.map(stepSection),
    ...result.equations.map(equationSection),
    ...result.growth.map(growthSection),
  ];
}

function adapterSection({ adapter, versions, roofline, encodeMicroseconds }: BenchResult): Section {
  const { multiplied, copied } = roofline.numbers;
  const megas = (count: number) => (count / 1e6).toPrecision(3);
  const rows = [
    ['adapter', `${adapter.description || adapter.architecture} (${adapter.kind})`],
    ...Object.entries(versions),
    ['f32 FMA peak', `${roofline.gflops.toFixed(1)} GFLOP/s, of ${megas(multiplied)} million numbers`],
    ['copy, past the caches', `${roofline.gigabytes.toFixed(1)} GB/s, of ${megas(copied)} million numbers`],
    ['kernels timed by', roofline.clock],
    ...(encodeMicroseconds === undefined ? [] : [['encoding a step', `${encodeMicroseconds.toFixed(0)} us`]]),
  ];
  return { title: 'Adapter', head: ['', ''], rows };
}

function productSection(products: readonly ProductResult[]): Section {
  const rows = products.flatMap(({ size, standings, absent }) => [
    ...standings.map(({ name, milliseconds, ratio, gflops, share, error }) => [
      `${size}`,
      name,
      withSpread(milliseconds),
      withSpread(ratio),
      gflops.toFixed(2),
      percent(share),
      error?.toExponential(1) ?? '',
    ]),
    ...Object.entries(absent).map(([name, why]) => [`${size}`, name, why, '', '', '', '']),
  ]);
  const head = ['n', 'by', 'ms', 'time / ours', 'GFLOP/s', 'of peak', 'error'];
  return { title: 'Products of two (n, n) matrices', head, rows };
}

function kernelSection({ size, topK, error, encodeMicroseconds, dispatches }: KernelsResult): Section {
  const rows = dispatches.map(({ kernel, extent, milliseconds, gflops, gigabytes, share, ceiling }) => [
    kernel,
    extent,
    milliseconds.toPrecision(3),
    gflops > 0 ? gflops.toFixed(2) : '',
    gigabytes.toFixed(2),
    `${percent(share)} of ${ceiling}`,
  ]);
  return {
    title: `Kernels of a step with a refresh, n = R = W = ${size}, k = ${topK}, error ${error.toExponential(1)}`,
    head: ['kernel', 'extent', 'ms', 'GFLOP/s', 'GB/s', 'of ceiling'],
    rows,
    note: `Encoding a step takes ${encodeMicroseconds.toFixed(0)} us besides. Copies are measured past the caches, in which small kernels run. orthonormalise and jacobi are timed on what they have done already: see the eigenpairs.`,
  };
}

function eighSection(results: readonly EighResult[]): Section {
  const rows = results.flatMap(({ size, count, standings }) =>
    standings.map(({ name, milliseconds, ratio, residual, orthogonality, valueError, rounds }) => [
      count > 1 ? `${count} of ${size}` : `${size}`,
      name,
      withSpread(milliseconds),
      withSpread(ratio),
      residual.toExponential(1),
      orthogonality.toExponential(1),
      valueError.toExponential(1),
      `${rounds}`,
    ]),
  );
  const head = ['n', 'by', 'ms', 'time / ours', 'residual', 'V V^T - 1', 'values', 'rounds'];
  return { title: 'All eigenpairs of symmetric matrices', head, rows };
}

function eigenSection(results: readonly EigenResult[]): Section {
  const rows = results.map(({ size, topK, error, cold, warm }) => [
    `${size}`,
    `${topK}`,
    withSpread(cold),
    withSpread(warm),
    error.toExponential(1),
  ]);
  const head = ['n', 'k', 'ms from a random start', 'ms from the last vectors', 'residual'];
  return { title: 'The k largest eigenpairs', head, rows };
}

function stepSection({ grid, rank, width, topK, standings, absent, work, memory }: StepResult): Section {
  const plain = standings.find(({ name }) => name === 'plain')?.milliseconds.median ?? Number.NaN;
  const rows = [
    ...standings.map(({ name, milliseconds, ratio, error, rounds }) => [
      name,
      withSpread(milliseconds),
      withSpread(ratio),
      (milliseconds.median / plain).toFixed(2),
      error === undefined ? '' : error.toExponential(1),
      `${rounds}`,
    ]),
    ...Object.entries(absent).map(([name, why]) => [name, why, '', '', '', '']),
  ];
  const { plain: plainWork, step, refreshStep } = work;
  const notes = [
    `dispatches: plain ${plainWork.dispatches}, SepPGD ${step.dispatches}, with refresh ${refreshStep.dispatches}`,
    `MFLOP ${(step.operations / 1e6).toFixed(1)}, MB moved ${(step.bytes / 1e6).toFixed(1)}`,
    `memory ${(memory.peakBytes / 1e6).toFixed(2)} MB, ${memory.ratio.toFixed(2)} of what is needed`,
  ];
  return {
    title: `Training step, ${grid.join(' x ')}, R = ${rank}, W = ${width}, k = ${topK}`,
    head: ['', 'ms per step', 'time / ours', 'time / plain', 'error', 'rounds'],
    rows,
    note: notes.join('; '),
  };
}

function equationSection({ points, rank, width, standings, absent, work, bytes }: EquationResult): Section {
  return {
    title: `Training step on Klein-Gordon, ${points} points an axis, R = ${rank}, W = ${width}`,
    head: ['', 'ms per step', 'time / ours', 'error', 'rounds'],
    rows: [
      ...standings.map(({ name, milliseconds, ratio, error, rounds }) => [
        name,
        withSpread(milliseconds),
        withSpread(ratio),
        error?.toExponential(1) ?? '',
        `${rounds}`,
      ]),
      ...Object.entries(absent).map(([name, why]) => [name, why, '', '', '']),
    ],
    note: `dispatches ${work.dispatches}; MFLOP ${(work.operations / 1e6).toFixed(1)}; memory ${(bytes / 2 ** 20).toFixed(1)} MiB`,
  };
}

function growthSection({ name, points }: GrowthResult): Section {
  const rows = points.map(({ grid, operations, milliseconds, gflops }) => [
    grid.join(' x '),
    (operations / 1e6).toFixed(1),
    milliseconds.toPrecision(3),
    gflops.toFixed(2),
  ]);
  return { title: `Growth with ${name}`, head: ['grid', 'MFLOP', 'ms per step', 'GFLOP/s'], rows };
}

function withSpread({ low, median, high }: Spread): string {
  return `${median.toPrecision(3)} (${low.toPrecision(3)} to ${high.toPrecision(3)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}
