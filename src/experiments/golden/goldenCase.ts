/** Everything that the engine computes of a golden case, and how far it is from what the case holds. */

import type { StateArrays } from '../../buffer/namedTensors.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Graph, Value } from '../../graph/operation.js';
import { bitsOf } from '../../host/arrays.js';
import { within } from '../../host/scope.js';
import { architecture } from '../../model/architecture.js';
import { grid } from '../../model/domain/grid.js';
import { scatteredPoints } from '../../model/domain/scatteredPoints.js';
import { forward, networkInput } from '../../model/forward.js';
import {
  defineModel,
  type Model,
  modelParameterShapes,
  networksOf,
  outputShape,
  toDevice,
  toHost,
} from '../../model/model.js';
import { type Parameter, parametersOf } from '../../model/parameters.js';
import { decoder } from '../../model/readout/decoder.js';
import type { Readout } from '../../model/readout/readout.js';
import { blockSize } from '../../ops/eigen/leadingEigenpairs.js';
import { matmul } from '../../ops/linear/matmul.js';
import { type MuonAttributes, momentShapes, muonDirections } from '../../ops/optimiser/muon.js';
import { pseudoNtk } from '../../ops/tangent/pseudoNtk.js';
import { vjp } from '../../ops/vjp.js';
import { adam } from '../../optimiser/adam.js';
import { isHiddenMatrix, matricesAmong } from '../../optimiser/besideRest.js';
import { type MuonOptions, muon } from '../../optimiser/muon.js';
import { learningRateAt, type Optimiser } from '../../optimiser/optimiser.js';
import { jordanPolynomials } from '../../optimiser/polynomials.js';
import type { Applied } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { gradientOf } from '../../train/gradient.js';
import {
  type AnyCase,
  activations,
  contractions,
  type GoldenCase,
  isJetsCase,
  modulationNames,
  named,
  objectives,
  type Quantities,
} from './goldenFormat.js';
import { runJetsCase } from './jetsCase.js';
import { flat, identityMinus, type Nested, nest, split, transposed } from './nested.js';

function modelOfCase({ kind, ns, ranks, scale, coords, X, ...given }: GoldenCase): Model {
  return defineModel({
    domain: X ? scatteredPoints({ axes: ns.length, coordinates: flat(X) }) : grid(coords),
    contraction: named(contractions, 'kind', kind)(ranks, scale),
    network: architecture({
      width: given.W,
      depth: given.depth,
      activation: named(activations, 'activation', given.activation),
      omega: given.omegas,
      frequencies: given.fourier_B ?? [],
    }),
    ...(given.decoder && { readout: decoderOf(given.decoder, given.outputs) }),
  });
}

function decoderOf({ hidden, activation }: NonNullable<GoldenCase['decoder']>, outputs = 1): Readout {
  return decoder({ hidden, outputs, activation: named(activations, 'decoder.activation', activation) });
}

/** Everything that the engine computes of a case, under the case's own names. */
export function runCase(engine: Engine, given: AnyCase): Promise<Quantities> {
  return isJetsCase(given) ? runJetsCase(engine, given) : runModelCase(engine, given);
}

function runModelCase(engine: Engine, given: GoldenCase): Promise<Quantities> {
  return within(async scope => {
    const model = modelOfCase(given);
    const output = outputShape(model);
    const shapes = modelParameterShapes(model);
    const objective = named(objectives, 'loss', given.loss);
    const input = scope.keep(await networkInput(engine, model));
    const parameters = scope.keep(engine.stack(shapes, joinParameters(model, given)));
    const target = scope.keep(engine.tensor(output, toDevice(model, outputsFirst(maskedTarget(given), model))));
    const ofOutput = (values: readonly number[]) => nestedOutput(values, model);
    // A k of 0 is no SepPGD.
    const modulation = given.k === 0 ? undefined : named(modulationNames, 'g', given.g);
    const preconditioner = modulation && (await sepPgd({ topK: given.k, modulation }).start(engine, scope, model));

    const passIn = (graph: Graph, at: Value) => {
      const pass = forward(graph, model, at, input);
      const goal = objective.goal(pass.output, graph.read(target));
      const gradient = (applied?: Applied) => gradientOf(goal, pass.output, at, applied);
      return { ...pass, ...goal, cotangent: vjp(goal.loss, 1, [pass.output])[0], gradient };
    };
    const quantities = scope.keep(
      await engine.compile(graph => {
        const pass = passIn(graph, graph.read(parameters));
        const applied = preconditioner?.refreshed?.(graph, pass, { cold: true });
        const preconditioned = applied?.transform(pass.cotangent) ?? pass.cotangent;
        return {
          factors: pass.factors,
          output: pass.output,
          residual: pass.cotangent,
          loss_value: pass.loss,
          K: pseudoNtk(pass.residuals),
          P: preconditioned,
          M: vjp(pass.output, preconditioned, [pass.factors])[0],
          grad_plain: pass.gradient(),
          grad_seppgd: pass.gradient(applied),
        };
      }),
    );
    await quantities.run();
    const read = async (name: keyof typeof quantities.outputs) => [...(await quantities.outputs[name].read())];
    const perAxis = (values: readonly number[], shape: (axis: number) => readonly number[]) =>
      split(
        values,
        given.ns.map((_, axis) => shape(axis)),
      );

    const widths = networksOf(model).map(({ outputs }) => outputs);
    const spectra = (await preconditioner?.spectra?.()) ?? [];
    const results: Record<string, Nested | Record<string, Nested>> = {
      factors: perAxis(await read('factors'), axis => [given.ns[axis], widths[axis]]),
      output: ofOutput(await read('output')),
      residual: ofOutput(await read('residual')),
      loss_value: (await read('loss_value'))[0],
      K: perAxis(await read('K'), axis => [given.ns[axis], given.ns[axis]]),
      ...(preconditioner && {
        eigenvalues_desc: spectra.map(({ values }) => [...values].slice(0, given.k)),
        S: await preconditionersOf(engine, await preconditioner.state(), given),
      }),
      P: ofOutput(await read('P')),
      ...(given.X && { Sr: ofOutput(await read('P')) }),
      M: perAxis(await read('M'), axis => [given.ns[axis], widths[axis]]).map(transposed),
      grad_plain: namedParameters(model, await read('grad_plain')),
      grad_seppgd: namedParameters(model, await read('grad_seppgd')),
    };

    if (!given.adam) return results;
    const { lr, b1, b2, eps } = given.adam;
    if (given.muon) {
      const { lr: learningRate, momentum, steps, weight_decay: weightDecay, matrices: names } = given.muon;
      const polynomials = jordanPolynomials(steps);
      const matrices = names
        ? (parameter: Parameter) => names.includes(layerNames(parameter)?.[0] ?? '')
        : isHiddenMatrix;
      const restRate = lr / learningRate;
      const optimiser = muon({ learningRate, momentum, polynomials, weightDecay, restRate, matrices });
      const found = await trainCase(engine, model, given, optimiser, (graph, at) => {
        const { loss, gradient } = passIn(graph, at);
        return { loss, gradient: gradient(preconditioner?.current(graph)) };
      });
      results.muon_after1 = namedParameters(model, found.after1);
      results.muon_after3 = namedParameters(model, found.after3);
      results.muon_update = await directionsOf(engine, model, await read('grad_seppgd'), {
        momentum,
        polynomials,
        matrices,
      });
      return results;
    }
    const optimiser = adam({ learningRate: lr, beta1: b1, beta2: b2, epsilon: eps });
    const runs = [
      {
        name: 'seppgd',
        after3: 'adam_seppgd_after3_fixedS',
        applied: (graph: Graph) => preconditioner?.current(graph),
      },
      { name: 'plain', after3: 'adam_plain_after3', applied: () => undefined },
    ];
    for (const { name, after3, applied } of runs) {
      const run = await trainCase(engine, model, given, optimiser, (graph, at) => {
        const { loss, gradient } = passIn(graph, at);
        return { loss, gradient: gradient(applied(graph)) };
      });
      results[`adam_${name}_after1`] = namedParameters(model, run.after1);
      results[after3] = namedParameters(model, run.after3);
      results[`loss_${name}_after3`] = run.lossAfter3;
    }
    return results;
  });
}

/** The direction of Muon's first step, by the names of its matrices. */
function directionsOf(
  engine: Engine,
  model: Model,
  gradient: readonly number[],
  {
    matrices: isMatrix,
    ...options
  }: Pick<MuonAttributes, 'momentum' | 'polynomials'> & Required<Pick<MuonOptions, 'matrices'>>,
): Promise<Record<string, Nested>> {
  return within(async scope => {
    const all = parametersOf(model);
    const shapes = all.map(({ shape }) => shape);
    const matrices = matricesAmong(all, isMatrix);
    const held = scope.keep(engine.stack(shapes, gradient));
    const moment = scope.keep(engine.stack(momentShapes(matrices.map(part => all[part]))));
    const plan = scope.keep(
      await engine.compile(graph => ({
        direction: muonDirections(graph.read(held), graph.read(moment), { matrices, ...options }).direction,
      })),
    );
    await plan.run();
    const parts = plan.outputs.direction.layout.parts.map(({ shape }) => shape);
    const named = split([...(await plan.outputs.direction.read())], parts).map((matrix, i) => {
      const { shape } = all[matrices[i]];
      const tall = shape[0] > shape[1] - 1;
      return [layerNames(all[matrices[i]])?.[0], tall ? transposed(matrix) : matrix];
    });
    return Object.fromEntries(named);
  });
}

/** S = I - V^T C V of each axis, from the state of its preconditioner. */
function preconditionersOf(engine: Engine, { vectors, scaled }: StateArrays, { ns, k }: GoldenCase): Promise<Nested[]> {
  return within(async scope => {
    const shapes = ns.map(n => [blockSize(n, k), n]);
    const [v, cv] = [vectors, scaled].map(values => scope.keep(engine.stack(shapes, values)));
    const plan = scope.keep(
      await engine.compile(graph => ({ s: matmul(graph.read(v), graph.read(cv), { transposeLeft: true }) })),
    );
    await plan.run();
    const all = split(
      [...(await plan.outputs.s.read())],
      ns.map(n => [n, n]),
    );
    return all.map(identityMinus);
  });
}

/** Three steps from the case's parameters. */
function trainCase(
  engine: Engine,
  model: Model,
  given: GoldenCase,
  optimiser: Optimiser,
  build: (graph: Graph, parameters: Value) => { loss: Value; gradient: Value },
) {
  return within(async scope => {
    const parameters = scope.keep(engine.stack(modelParameterShapes(model), joinParameters(model, given)));
    const state = optimiser.start(engine, scope, parametersOf(model));
    const counter = scope.keep(engine.tensor([1]));
    const rate = scope.keep(engine.tensor([1], [learningRateAt(optimiser.learningRate, 0)]));
    const plan = scope.keep(
      await engine.compile(graph => {
        const before = graph.read(parameters);
        const { loss, gradient } = build(graph, before);
        const [step, learningRate] = [graph.read(counter), graph.read(rate)];
        graph.assign(
          parameters,
          state.update(graph, { parameters: before, gradient, step, learningRate, refreshing: true }),
        );
        return { loss };
      }),
    );
    const snapshots: number[][] = [];
    for (let t = 1; t <= 4; t++) {
      counter.write(bitsOf(t));
      if (t === 2 || t === 4) snapshots.push([...(await parameters.read())]);
      await plan.run();
    }
    // The fourth run's loss is that of the parameters after three steps.
    const [lossAfter3] = await plan.outputs.loss.read();
    return { after1: snapshots[0], after3: snapshots[1], lossAfter3 };
  });
}

/** How a case calls W and b of a layer, of which there is one member; undefined of a tensor that is no layer. */
function layerNames({ place, owner }: Parameter): readonly [string, string] | undefined {
  if (!place) return undefined;
  const whose = owner === 'network' ? `d${place.network}` : 'decoder';
  return [`${whose}.W${place.layer}`, `${whose}.b${place.layer}`];
}

/** And what is no layer, such as the core of a Tucker model. */
function ownName({ name }: Parameter): string {
  return name.replace('member0.', '');
}

/** All parameters from the case's names. */
function joinParameters(model: Model, { params }: GoldenCase): number[] {
  return parametersOf(model).flatMap(parameter => {
    const names = layerNames(parameter) ?? [ownName(parameter)];
    const [first, biases] = names.map(name => params[name]) as (Nested | undefined)[];
    if (!first || (names.length > 1 && !biases)) throw new InputError(`case: params lack ${names.join(' or ')}`);
    return biases ? (first as number[][]).flatMap((row, i) => [...row, (biases as number[])[i]]) : flat(first);
  });
}

function namedParameters(model: Model, values: readonly number[]): Record<string, Nested> {
  const result: Record<string, Nested> = {};
  const all = parametersOf(model);
  split(values, modelParameterShapes(model)).forEach((tensor, i) => {
    const names = layerNames(all[i]);
    if (!names) {
      result[ownName(all[i])] = tensor;
      return;
    }
    const matrix = tensor as number[][];
    result[names[0]] = matrix.map(row => row.slice(0, -1));
    result[names[1]] = matrix.map(row => row.at(-1) as number);
  });
  return result;
}

/** From a case's order of several outputs, which has them last, to a host's. */
function outputsFirst(values: readonly number[], { readout: { outputs } }: Model): number[] {
  const points = values.length / outputs;
  return Array.from(values, (_, i) => values[(i % points) * outputs + Math.floor(i / points)]);
}

/** And from the device's, nested as in a case. */
function nestedOutput(values: readonly number[], model: Model): Nested {
  const { domain, readout } = model;
  const host = toHost(model, Float32Array.from(values));
  const points = host.length / readout.outputs;
  const last = Array.from(host, (_, i) => host[(i % readout.outputs) * points + Math.floor(i / readout.outputs)]);
  return nest(last, readout.outputs === 1 ? domain.shape : [...domain.shape, readout.outputs]);
}

function maskedTarget({ target, mask }: GoldenCase): number[] {
  const values = flat(target);
  const kept = mask === null ? undefined : flat(mask);
  return values.map((value, i) => (kept?.[i] === 0 ? Number.NaN : value));
}

export interface Comparison {
  readonly name: string;
  /** |computed - expected| / |expected|, Frobenius; the largest over axes or parameters. */
  readonly error: number;
}

/** The relative error of every quantity that both have. */
export function compareCase(expected: Quantities, computed: Quantities): Comparison[] {
  return Object.keys(computed)
    .filter(name => expected[name] !== undefined)
    .map(name => ({ name, error: relativeError(expected[name], computed[name], name) }));
}

function relativeError(expected: Quantities[string], computed: Quantities[string], name: string): number {
  const [want, got] = [expected, computed].map(value =>
    typeof value === 'object' && !Array.isArray(value) ? flat(Object.values(value)) : flat(value as Nested),
  );
  if (name === 'eigenvalues_desc') {
    const lists = (expected as number[][]).map((list, i) => list.slice(0, (computed as number[][])[i].length));
    return frobenius(flat(lists), got);
  }
  return frobenius(want, got);
}

function frobenius(expected: readonly number[], computed: readonly number[]): number {
  if (expected.length !== computed.length) return Number.POSITIVE_INFINITY;
  const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  return norm(expected.map((x, i) => x - computed[i])) / norm(expected);
}
