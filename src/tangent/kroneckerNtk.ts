/**
 * The NTK of a CP model on a grid as a sum of Kronecker products (Luo and Meng, Lemmas 1 and 3), never written out:
 *
 *   K = c^2 sum_d sum_{r,s} (f_1,r f_1,s^T) x .. x K_d^(r,s) x .. x (f_D,r f_D,s^T)
 *
 * with f_d,r column r of F_d. So K v for v on the grid takes M_d = c unfold_d(v) KhatriRao(F_d', d' != d), the exact
 * kernels of the factor networks, N_d = K_d vec(M_d), and the CP contraction along the tangents N_d: O(n^D D R + D n^2
 * R^2) in the place of O(n^(2D)).
 */

import { type Shape, sizeOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import type { Value } from '../graph/graph.js';
import type { Plan } from '../graph/plan.js';
import { contractCpJvp } from '../ops/contractCpJvp.js';
import type { CpAttributes } from '../ops/cpProblem.js';
import { matmul } from '../ops/matmul.js';
import { mttkrp } from '../ops/mttkrp.js';
import { reshape } from '../ops/reshape.js';
import type { CpModel } from '../separable/cp.js';
import { forward, isScattered, linspace, modelParameterShapes, networkInput } from '../separable/model.js';
import { exactNtk, requireExactNtk } from './exactNtk.js';
import { requireOneOutput } from './modelNtk.js';

/**
 * K v as nodes of a graph.
 *
 * @param v (n_1 .. n_D) for each model.
 * @param factors F_d, (n_d, R), model by model.
 * @param kernels K_d, (n_d R, n_d R), point by point: see `exactNtk`.
 */
export function kroneckerProduct(v: Value, factors: Value, kernels: Value, attributes: CpAttributes): Value {
  const shapes = factors.layout.parts.map(({ shape }) => shape);
  const cotangents = mttkrp(v, factors, attributes);
  const rows = reshape(
    cotangents,
    shapes.map(shape => [1, sizeOf(shape)]),
  );
  const tangents = reshape(matmul(rows, kernels), shapes); // the kernels are symmetric
  return contractCpJvp(tangents, factors, attributes);
}

export class KroneckerNtk {
  private constructor(
    private readonly model: CpModel,
    private readonly vector: Tensor,
    private readonly plan: Plan<{ product: Value }>,
    private readonly tensors: readonly Tensor[],
  ) {}

  /**
   * @param parameters of the model, as `initialParameters` or a trainer's state gives them.
   * @param coordinates the points of each axis; from -1 to 1 by default.
   * @throws InputError a model on scattered points or of shared outputs, parameters of another model, or kernels of factor networks past the
   *   device's limit, with their size.
   */
  static async create(
    engine: Engine,
    model: CpModel,
    parameters: ArrayLike<number> & Iterable<number>,
    coordinates: readonly ArrayLike<number>[] = model.grid.map(linspace),
  ): Promise<KroneckerNtk> {
    if (isScattered(model)) throw new InputError('KroneckerNtk: a model on scattered points has no grid: use ntk');
    requireOneOutput('KroneckerNtk', model);
    requireExactNtk(engine, model);
    const { grid, channels, scale } = model;
    const attributes = { axes: grid.length, scale };
    const tensors: Tensor[] = [];
    const keep = (tensor: Tensor): Tensor => {
      tensors.push(tensor);
      return tensor;
    };
    try {
      const held = keep(engine.stack(modelParameterShapes(model), parameters));
      const kernels = keep(await exactNtk(engine, model, held, coordinates));
      const input = keep(await networkInput(engine, model, coordinates));
      const vector = keep(engine.stack(Array<Shape>(channels).fill(grid)));
      const factors = keep(await factorsOf(engine, model, held, input));
      const plan = await engine.compile(graph => ({
        product: kroneckerProduct(graph.read(vector), graph.read(factors), graph.read(kernels), attributes),
      }));
      return new KroneckerNtk(model, vector, plan, tensors);
    } catch (error) {
      for (const tensor of tensors) tensor.dispose();
      throw error;
    }
  }

  /**
   * K v, for each channel by itself.
   *
   * @param v (n_1 .. n_D), channel by channel. @throws InputError another count of numbers.
   */
  async product(v: ArrayLike<number> & Iterable<number>): Promise<Float32Array> {
    const { grid, channels } = this.model;
    const expected = channels * sizeOf(grid);
    if (v.length !== expected) throw new InputError(`KroneckerNtk: takes ${expected} numbers, got ${v.length}`);
    this.vector.write(v);
    await this.plan.run();
    return this.plan.outputs.product.read();
  }

  dispose(): void {
    this.plan.dispose();
    for (const tensor of this.tensors) tensor.dispose();
  }
}

async function factorsOf(engine: Engine, model: CpModel, parameters: Tensor, input: Tensor): Promise<Tensor> {
  const { grid, channels, rank } = model;
  const factors = engine.stack(Array.from({ length: channels }, () => grid.map((n): Shape => [n, rank])).flat());
  const plan = await engine.compile(graph => {
    graph.assign(factors, forward(graph, model, graph.read(parameters), input).factors);
  });
  await plan.run();
  plan.dispose();
  return factors;
}
