/**
 * A model linearised at given parameters on its domain: h(x) = <grad_theta f(x; theta_0), w>, that is J w on all points
 * together. The features, the rows of J, are never formed: J w is a Jacobian-vector product at the residuals of one
 * forward pass, and J^T g its VJP.
 */

import type { Tensor } from '../buffer/tensor.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import type { Plan } from '../graph/plan.js';
import { building, type Disposable } from '../host/scope.js';
import { type Factors, factorsOf, networkInput, outputJvp, requireOutputJvp } from '../model/forward.js';
import type { Model } from '../model/model.js';
import { factorNetworkJvp } from '../ops/network/factorNetworkJvp.js';

/** A model linearised at its parameters: J w and J^T g, with no feature ever formed; `create` makes it. */
export class Linearisation {
  private constructor(
    /** What is linearised, on its domain. */
    readonly model: Model,
    private readonly parameters: Tensor,
    private readonly input: Tensor,
    /** Its outputs are the factor matrices and the residuals of the forward pass. */
    private readonly pass: Plan<Record<string, Value>>,
    private readonly made: Disposable,
  ) {}

  /**
   * Runs the one forward pass whose residuals it keeps.
   *
   * @param parameters theta_0, which must stay as they are.
   * @throws InputError a model that has no Jacobian-vector product.
   */
  static async create(engine: Engine, model: Model, parameters: Tensor): Promise<Linearisation> {
    requireEngine(engine);
    requireLinearisable(model);
    return building(async scope => {
      const input = scope.keep(await networkInput(engine, model));
      const pass = scope.keep(
        await engine.compile((graph): Record<string, Value> => {
          const { factors, residuals } = factorsOf(graph, model, graph.read(parameters), input);
          const [, ...hidden] = residuals.inputs;
          return { factors, ...named('hidden', hidden), ...named('derivative', residuals.derivatives) };
        }),
      );
      await pass.run();
      return new Linearisation(model, parameters, input, pass, scope);
    });
  }

  /** J w. @param w in the shapes of the model's parameters. */
  output(w: Value): Value {
    const { factors, residuals } = this.factors(w.graph);
    return outputJvp(this.model, factorNetworkJvp(w, residuals), factors);
  }

  /** What the forward pass at theta_0 gave, as values of a graph. */
  factors(graph: Graph): Factors {
    const layers = Array.from({ length: this.model.network.depth - 1 }, (_, layer) => layer);
    const kept = (name: string) => layers.map(layer => graph.read(this.pass.outputs[name + layer]));
    return {
      factors: graph.read(this.pass.outputs.factors),
      own: {},
      residuals: {
        parameters: graph.read(this.parameters),
        inputs: [graph.read(this.input), ...kept('hidden')],
        derivatives: kept('derivative'),
      },
    };
  }

  /** Frees its memory on the device, but for the parameters. Harmless a second time. */
  dispose(): void {
    this.made.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws InputError a model that has no Jacobian-vector product. */
export function requireLinearisable(model: Model): void {
  requireOutputJvp('linearisation', model);
}

function named(name: string, values: readonly Value[]): Record<string, Value> {
  return Object.fromEntries(values.map((value, layer) => [name + layer, value]));
}
