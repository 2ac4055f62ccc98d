/**
 * Golden cases of networks that carry derivatives: the jets of the factor matrices, a differential equation's residual on
 * a grid, its loss 1/2 sum r^2, and the gradient of all parameters.
 */

import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { within } from '../../host/scope.js';
import { contractFields } from '../../ops/contraction/contractFields.js';
import { inputJets, type JetAttributes, jetNetwork, jetParameterShapes } from '../../ops/network/jetNetwork.js';
import { residuals } from '../../ops/objective/residuals.js';
import { vjp } from '../../ops/vjp.js';
import { activationDerivatives } from '../../pde/activationDerivatives.js';
import { derivativeOf, given as givenValue } from '../../pde/expression.js';
import { tabulated } from '../../pde/grid.js';
import { parseExpression } from '../../pde/parse.js';
import { compileResiduals } from '../../pde/residualText.js';
import { activations, type JetsCase, named, type Quantities } from './goldenFormat.js';
import { flat, type Nested, nest, split } from './nested.js';

/** Orders of a derivative by the axes, from u_t0t0 or u_x1x2; undefined of another name. */
function ordersOf(name: string, axes: number): number[] | undefined {
  const [, suffix] = /^u(?:_((?:[a-z]\d+)+))?$/.exec(name) ?? [];
  if (suffix === undefined) return name === 'u' ? Array<number>(axes).fill(0) : undefined;
  const orders = Array<number>(axes).fill(0);
  for (const [, digits] of suffix.matchAll(/[a-z](\d+)/g)) {
    const axis = Number(digits);
    if (axis >= axes) throw new InputError(`case: terms name ${name}, and there are ${axes} axes, from 0 on`);
    orders[axis]++;
  }
  return orders;
}

/** Everything that the engine computes of a case, under the case's own names. */
export function runJetsCase(engine: Engine, given: JetsCase): Promise<Quantities> {
  return within(async scope => {
    const { ns, coords, depth, W: width, omegas, scale } = given;
    const [axes, rank] = [ns.length, given.ranks as number];
    const frequencies = given.fourier_B ?? [];
    const axisNames = ns.map((_, axis) => `${axis}`);
    const left = parseExpression(given.terms, name => {
      const orders = ordersOf(name, axes);
      if (orders) {
        const byAxis = Object.fromEntries(orders.map((order, axis) => [axisNames[axis], order]));
        return derivativeOf('u', byAxis);
      }
      const coordinate = /^[a-z](\d+)$/.exec(name)?.[1];
      return coordinate !== undefined && Number(coordinate) < axes ? givenValue(point => point[coordinate]) : undefined;
    });
    const source = given.source ? flat(given.source) : undefined;
    const equation = source ? left.minus(givenValue((_, index) => source[index])) : left;
    const { text, fields, tables } = compileResiduals([{ residual: equation, weight: 1 }]);
    const terms = fields.map(({ orders }) => ({ model: 0, orders: axisNames.map(axis => orders[axis] ?? 0) }));
    const wanted = given.jets?.[0]?.length ?? 3;
    const order = Math.max(wanted - 1, ...terms.flatMap(term => term.orders));

    const attributes: JetAttributes = {
      depth,
      width,
      omegas,
      derivatives: activationDerivatives(named(activations, 'activation', given.activation)),
      orders: ns.map(() => order),
      gated: given.gate ?? false,
    };
    const inputs = frequencies.length > 0 ? 2 * frequencies.length : 1;
    const shapes = jetParameterShapes(inputs, rank, attributes);
    const names = ns.map((_, axis) => namesOf(given, axis));
    const parameters = scope.keep(
      engine.stack(
        ns.flatMap(() => shapes),
        names.flatMap(own => own.flatMap(pair => joinedLayer(given.params, pair))),
      ),
    );
    const input = scope.keep(
      engine.stack(
        ns.map(n => [(order + 1) * n, inputs + 1]),
        coords.flatMap(points => [...inputJets(points, order, frequencies)]),
      ),
    );
    const onGrid = tabulated(tables, Object.fromEntries(axisNames.map((name, axis) => [name, coords[axis]])));
    const table =
      tables.length > 0
        ? scope.keep(
            engine.stack(
              tables.map(() => ns),
              onGrid,
            ),
          )
        : undefined;
    const common = { axes, scale, orders: attributes.orders, points: ns.map(n => [0, n] as const) };
    const plan = scope.keep(
      await engine.compile(graph => {
        const at = graph.read(parameters);
        const jets = jetNetwork(at, graph.read(input), attributes);
        const value = { model: 0, orders: ns.map(() => 0) };
        const found = residuals(contractFields(jets, { ...common, fields: terms }), table && graph.read(table), {
          text,
          residuals: 1,
          scale: 1,
        });
        return {
          jets,
          output: contractFields(jets, { ...common, fields: [value] }),
          residual: found.residuals,
          loss_value: found.loss,
          grad_plain: vjp(found.loss, 1, [at])[0],
        };
      }),
    );
    await plan.run();
    const read = async (name: keyof typeof plan.outputs) => [...(await plan.outputs[name].read())];
    const jets = split(
      await read('jets'),
      ns.map(n => [order + 1, n, rank]),
    );
    const gradient = split(
      await read('grad_plain'),
      ns.flatMap(() => shapes),
    );
    return {
      jets: jets.map(own => (own as readonly Nested[]).slice(0, wanted)),
      output: nest(await read('output'), ns),
      residual: nest(await read('residual'), ns),
      loss_value: (await read('loss_value'))[0],
      grad_plain: Object.fromEntries(
        names.flat().flatMap(([weights, biases], i) => {
          const rows = gradient[i] as number[][];
          return [
            [weights, rows.map(row => row.slice(0, -1))],
            [biases, rows.map(row => row.at(-1) as number)],
          ];
        }),
      ),
    };
  });
}

type Pair = readonly [weights: string, biases: string];

/** What W and b of each matrix of one network are called: of its layers, then of U and V where it is gated. */
function namesOf({ depth, gate, params }: JetsCase, axis: number): Pair[] {
  const layers = Array.from({ length: depth }, (_, layer): Pair => [`d${axis}.W${layer}`, `d${axis}.b${layer}`]);
  if (!gate) return layers;
  // Told by the letter, and by a matrix having rows: cases may write d0.U.W or d0.WU.
  const others = Object.keys(params).filter(name => name.startsWith(`d${axis}.`) && !layers.flat().includes(name));
  const gates = ['u', 'v'].map((letter): Pair => {
    const own = others.filter(name => name.slice(`d${axis}.`.length).toLowerCase().includes(letter));
    const weights = own.find(name => Array.isArray((params[name] as readonly Nested[])[0]));
    const biases = own.find(name => name !== weights);
    if (weights === undefined || biases === undefined) {
      const letterOf = letter.toUpperCase();
      throw new InputError(`case: params lack d${axis}.${letterOf}.W or d${axis}.${letterOf}.b of a gated network`);
    }
    return [weights, biases];
  });
  return [...layers, ...gates];
}

/** [W | b], row-major. */
function joinedLayer(params: JetsCase['params'], [weights, biases]: Pair): number[] {
  const [matrix, vector] = [params[weights], params[biases]] as (Nested | undefined)[];
  if (!matrix || !vector) throw new InputError(`case: params lack ${weights} or ${biases}`);
  return (matrix as number[][]).flatMap((row, i) => [...row, (vector as number[])[i]]);
}
