/**
 * The NTK of a model of factor networks on a grid, never written out. Of a CP model it is a sum of Kronecker products
 * (Luo and Meng, Lemmas 1 and 3),
 *
 *   K = c^2 sum_d sum_{r,s} (f_1,r f_1,s^T) x .. x K_d^(r,s) x .. x (f_D,r f_D,s^T)
 *
 * with f_d,r column r of F_d. In any, K v = J_Z (K_networks (J_Z^T v)), J_Z the Jacobian of the contraction: the VJP for
 * v, M_d (for CP, c unfold_d(v) KhatriRao(F_d', d' != d)), the exact kernels of the factor networks, N_d = K_d vec(M_d),
 * and the contraction along the tangents N_d: O(n^D D R + D n^2 R^2) instead of O(n^(2D)).
 */

import { type Shape, sizeOf, sizeOfAll } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { compute } from '../graph/compute.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import type { Value } from '../graph/operation.js';
import type { Plan } from '../graph/plan.js';
import type { Numbers } from '../host/arrays.js';
import { requireList } from '../host/checks.js';
import { CallQueue } from '../host/queue.js';
import { building, type Disposable, within } from '../host/scope.js';
import { factorsOf, networkInput, outputJvp, outputOf, requireOutputJvp } from '../model/forward.js';
import { type Model, modelParameterShapes, networkPoints, networksOf, outputShapes } from '../model/model.js';
import { reshape } from '../ops/elementwise/reshape.js';
import { matmul } from '../ops/linear/matmul.js';
import { vjp } from '../ops/vjp.js';
import { requireOneOutput } from './denseNtk.js';
import { exactNtk, requireExactNtk } from './exactNtk.js';

/**
 * K v as nodes of a graph.
 *
 * @param v of the model's output shape, for each member.
 * @param factors F_d, (n_d, R), member by member.
 * @param ntks K_d, (n_d R, n_d R), point by point: see `exactNtk`.
 * @throws InputError a model without a Jacobian-vector product.
 */
export function kroneckerProduct(model: Model, v: Value, factors: Value, ntks: Value): Value {
  const shapes = factors.layout.parts.map(({ shape }) => shape);
  const [cotangents] = vjp(outputOf(model, factors, {}), v, [factors]);
  const rows = reshape(
    cotangents,
    shapes.map(shape => [1, sizeOf(shape)]),
  );
  const tangents = reshape(matmul(rows, ntks), shapes); // the kernels are symmetric
  return outputJvp(model, tangents, factors);
}

/** The NTK of a model on a grid as a linear map, O(n^D D R + D n^2 R^2) a product; `create` makes it. */
export class KroneckerNtk {
  readonly #calls = new CallQueue('kernel');

  private constructor(
    private readonly model: Model,
    private readonly vector: Tensor,
    private readonly plan: Plan<{ product: Value }>,
    private readonly made: Disposable,
  ) {}

  /**
   * Finds the exact kernels K_d of the factor networks, of which K is made: of a CP model as in Luo and Meng, Lemmas 1
   * and 3.
   *
   * @param parameters of the model, as `initialParameters` or a trainer's state gives them.
   * @throws InputError a model without one network per axis on a grid, of several outputs or of parameters beside the
   *   networks'; parameters of another model; kernels of factor networks past the device's limit, with their size.
   */
  static async create(engine: Engine, model: Model, parameters: Numbers): Promise<KroneckerNtk> {
    requireEngine(engine);
    requireList('KroneckerNtk: parameters', parameters, 'give those of trainer.state()');
    if (!model.domain.isGrid) {
      throw new InputError('KroneckerNtk: a model on scattered points has no grid: use pointNtk');
    }
    requireOneOutput('KroneckerNtk', model);
    requireOutputJvp('KroneckerNtk', model);
    requireExactNtk(engine, model);
    return building(async scope => {
      const held = scope.keep(engine.stack(modelParameterShapes(model), parameters));
      const ntks = scope.keep(await exactNtk(engine, model, held));
      const vector = scope.keep(engine.stack(outputShapes(model)));
      const factors = scope.keep(await factorMatrices(engine, model, held));
      const plan = scope.keep(
        await engine.compile(graph => ({
          product: kroneckerProduct(model, graph.read(vector), graph.read(factors), graph.read(ntks)),
        })),
      );
      return new KroneckerNtk(model, vector, plan, scope);
    });
  }

  /**
   * K v, for each member by itself.
   *
   * @param v (n_1 .. n_D), member by member. @throws InputError another count of numbers.
   */
  product(v: Numbers): Promise<Float32Array> {
    return this.#calls.add(async () => {
      const expected = sizeOfAll(outputShapes(this.model));
      if (v.length !== expected) throw new InputError(`KroneckerNtk: takes ${expected} numbers, got ${v.length}`);
      this.vector.write(v);
      await this.plan.run();
      return this.plan.outputs.product.read();
    });
  }

  /** Frees its memory on the device; the engine stays. Harmless a second time. */
  dispose(): void {
    this.#calls.end();
    this.made.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function factorMatrices(engine: Engine, model: Model, parameters: Tensor): Promise<Tensor> {
  return within(async scope => {
    const points = networkPoints(model);
    const input = scope.keep(await networkInput(engine, model));
    const shapes = networksOf(model).map(({ outputs }, i): Shape => [points[i], outputs]);
    return compute(engine, shapes, graph => factorsOf(graph, model, graph.read(parameters), input).factors);
  });
}
