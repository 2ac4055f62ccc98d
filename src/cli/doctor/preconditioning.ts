/** SepPGD and what its rivals need: tangent kernels, their eigenpairs modulated, cotangents transformed. */

import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { scatteredPoints } from '../../model/domain/scatteredPoints.js';
import { forward, inputSource } from '../../model/forward.js';
import { defineModel, initialParameters, type Model, modelParameterShapes, outputShapes } from '../../model/model.js';
import { groupPoints, ungroupPoints } from '../../ops/precondition/groupPoints.js';
import type { Modulation } from '../../ops/precondition/modulate.js';
import type { Combine } from '../../ops/precondition/precondition.js';
import { pseudoNtk } from '../../ops/tangent/pseudoNtk.js';
import type { Applied } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { type Bench, type Check, compared, type Family } from './bench.js';
import { combined, type Matrix, matrixOf, times, turned } from './twins/dense.js';
import { twinOf } from './twins/twin.js';

/** With those kept beside them more than Jacobi turns in workgroup memory. */
const topK = 36;

export const preconditioning: Family = {
  name: 'preconditioning',
  async run(bench) {
    const network = architecture({ width: 21 });
    const contraction = cp({ rank: 22 });
    const onGrid = givenOf(defineModel({ domain: grid([47, 46]), contraction, network }));
    const coordinates = Float64Array.from({ length: 2 * 47 }, (_, i) => Math.sin(12.9898 * i));
    const onPoints = givenOf(defineModel({ domain: scatteredPoints({ axes: 2, coordinates }), contraction, network }));
    return [
      ...(await checked(bench, 'on a grid', onGrid, 'sum', 'flat')),
      ...(await checked(bench, 'on a grid, product', onGrid, 'product', 'sqrt')),
      ...(await checked(bench, 'on points', onPoints, 'sum', 'sqrt')),
      ...(await checked(bench, 'on points, product', onPoints, 'product', 'flat')),
      ...(await grouped(bench)),
    ];
  },
};

/** A model with parameters, and the tangent kernel of each of its axes in float64. */
interface Given {
  readonly model: Model;
  readonly numbers: Float32Array;
  readonly kernels: readonly Matrix[];
}

function givenOf(model: Model): Given {
  const numbers = initialParameters(model, 7);
  const twin = twinOf(model, numbers);
  const own = twin.parameters.length / twin.factors.length;
  const kernels = twin.factors.map((rows, network) => {
    const parameters = twin.parameters.slice(network * own, (network + 1) * own);
    const gradients = rows.map(row => {
      twin.tape.differentiate(twin.tape.sum(row));
      return twin.tape.gradients(parameters);
    });
    const jacobian = matrixOf(rows.length, own, (i, j) => gradients[i][j]);
    return times(jacobian, turned(jacobian));
  });
  return { model, numbers, kernels };
}

/** Every stage from what the device made in the stage before. */
async function checked(
  bench: Bench,
  name: string,
  { model, numbers, kernels: wanted }: Given,
  combine: Combine,
  modulation: Modulation,
): Promise<Check[]> {
  const { engine, scope } = bench;
  const parameters = bench.stack(modelParameterShapes(model), numbers);
  const size = model.domain.shape.reduce((product, n) => product * n, 1);
  const g = bench.numbers(size);
  const cotangent = bench.stack(outputShapes(model), g);
  const source = inputSource(engine, scope, model);
  const preconditioner = await sepPgd({ topK, combine, modulation }).start(engine, scope, model);
  const { kernels, transformed } = await bench.compute(graph => {
    const pass = forward(graph, model, graph.read(parameters), source.input(graph));
    const applied = preconditioner.refreshed?.(graph, pass, { cold: true }) as Applied;
    return { kernels: pseudoNtk(pass.residuals), transformed: applied.transform(graph.read(cotangent)) };
  });
  const state = await preconditioner.state();
  const checks: Check[] = [];
  const bases: { readonly vectors: Matrix; readonly scaled: Matrix }[] = [];
  let [kernelAt, vectorAt, valueAt] = [0, 0, 0];
  wanted.forEach((want, axis) => {
    const n = want.rows;
    const pairs = state.values.length / 2;
    const take = (from: ArrayLike<number>, at: number, height: number, width: number) =>
      matrixOf(height, width, (i, j) => from[at + i * width + j]);
    const kernel = take(kernels, kernelAt, n, n);
    const values = state.values.subarray(valueAt, valueAt + pairs);
    const [vectors, scaled] = [state.vectors, state.scaled].map(all => take(all, vectorAt, pairs, n));
    [kernelAt, vectorAt, valueAt] = [kernelAt + n * n, vectorAt + pairs * n, valueAt + pairs];
    checks.push(compared(`tangent kernel of axis ${axis + 1} ${name}`, kernel.values, want.values, 1e-5));
    const images = times(vectors, kernel);
    const stretched = matrixOf(pairs, n, (i, j) => values[i] * vectors.values[i * n + j]);
    const some = topK * n;
    checks.push(
      compared(
        `K v against l v of axis ${axis + 1} ${name}`,
        stretched.values.subarray(0, some),
        images.values.subarray(0, some),
        1e-4,
      ),
    );
    const share = (i: number) => {
      if (i >= topK) return 0;
      return 1 - (modulation === 'flat' ? values[topK - 1] / values[i] : 1 / Math.sqrt(values[i]));
    };
    const modulated = matrixOf(pairs, n, (i, j) => share(i) * vectors.values[i * n + j]);
    checks.push(compared(`modulated eigenvectors of axis ${axis + 1} ${name}`, scaled.values, modulated.values, 1e-5));
    bases.push({ vectors, scaled });
  });
  const { shape, isGrid } = model.domain;
  const given: Matrix = matrixOf(shape[0], shape[1] ?? 1, (i, j) => g[i * (shape[1] ?? 1) + j]);
  const along = (tensor: Matrix, axis: number): Matrix => {
    const { vectors, scaled } = bases[axis];
    const line = isGrid && axis === 1 ? turned(tensor) : tensor;
    const kept = combined(1, line, -1, times(turned(scaled), times(vectors, line)));
    return isGrid && axis === 1 ? turned(kept) : kept;
  };
  const want = combine === 'sum' ? combined(1, along(given, 0), 1, along(given, 1)) : along(along(given, 1), 0);
  return [...checks, compared(`cotangent transformed ${name}`, transformed, want.values, 1e-5)];
}

/** Blocks of a grid, one past its end among them. */
async function grouped(bench: Bench): Promise<Check[]> {
  const [shape, block] = [
    [7, 11],
    [2, 3],
  ];
  const t = bench.numbers(77);
  const tensor = bench.tensor(shape, t);
  const { groups, back } = await bench.compute(graph => {
    const groups = groupPoints(graph.read(tensor), { grid: shape, block });
    return { groups, back: ungroupPoints(groups, { grid: shape, block }) };
  });
  const [blocks, slots] = [[4, 4], 6];
  const want = matrixOf(slots, 16, (slot, group) => {
    const row = Math.floor(group / blocks[1]) * block[0] + Math.floor(slot / block[1]);
    const column = (group % blocks[1]) * block[1] + (slot % block[1]);
    return row < shape[0] && column < shape[1] ? t[row * shape[1] + column] : 0;
  });
  return [compared('points in groups', groups, want.values, 0), compared('and back', back, t, 0)];
}
