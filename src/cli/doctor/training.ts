/** Models of every kind on the device: outputs, losses and gradients, against the same models in float64. */

import { sizeOfAll } from '../../buffer/layout.js';
import type { Graph } from '../../graph/operation.js';
import { type Activation, cosine, leakyRelu, relu, tanh } from '../../model/activation.js';
import { type ArchitectureOptions, architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { jointNetwork } from '../../model/contraction/jointNetwork.js';
import { tensorTrain } from '../../model/contraction/tensorTrain.js';
import { tucker } from '../../model/contraction/tucker.js';
import { grid } from '../../model/domain/grid.js';
import { scatteredPoints } from '../../model/domain/scatteredPoints.js';
import { forward, inputSource } from '../../model/forward.js';
import {
  defineModel,
  initialParameters,
  type Model,
  modelParameterShapes,
  outputShapes,
  toDevice,
  toHost,
} from '../../model/model.js';
import { decoder } from '../../model/readout/decoder.js';
import { mixing } from '../../model/readout/mixing.js';
import { bceWithLogits } from '../../objective/bceWithLogits.js';
import type { Objective } from '../../objective/objective.js';
import { squaredError } from '../../objective/squaredError.js';
import { factorNetwork, parameterShapes } from '../../ops/network/factorNetwork.js';
import { gradientOf } from '../../train/gradient.js';
import { type Bench, type Check, compared, type Family } from './bench.js';
import { activations, lossOf, twinOf } from './twins/twin.js';

const plain = (options: Partial<ArchitectureOptions> = {}) => architecture({ width: 23, omega: 1.5, ...options });

/** Sizes past a tile, and multiples of none. */
const models: Readonly<Record<string, () => Model>> = {
  'CP, sine': () =>
    defineModel({ domain: grid([70, 43]), contraction: cp({ rank: 45 }), network: plain({ width: 41 }) }),
  'CP of three axes': () =>
    defineModel({
      domain: grid([9, 10, 11]),
      contraction: cp({ rank: 21, scale: 0.5 }),
      network: plain(),
      members: 2,
    }),
  'mixed CP, Fourier features': () =>
    defineModel({
      domain: grid([21, 43]),
      contraction: cp({ rank: 22 }),
      network: plain({ frequencies: [0.5, 1, 1.7] }),
      readout: mixing({ outputs: 5 }),
    }),
  'decoded CP, ReLU': () =>
    defineModel({
      domain: grid([6, 300]), // where a dimension tree is cheaper
      contraction: cp({ rank: 22 }),
      network: plain(),
      readout: decoder({ hidden: 13, outputs: 3, activation: relu }),
    }),
  'tensor train': () =>
    defineModel({ domain: grid([8, 9, 10]), contraction: tensorTrain({ ranks: [5, 7] }), network: plain() }),
  Tucker: () => defineModel({ domain: grid([8, 9, 10]), contraction: tucker({ ranks: [5, 6, 7] }), network: plain() }),
  'joint network': () => defineModel({ domain: grid([11, 6]), contraction: jointNetwork(), network: plain() }),
  'scattered points': () =>
    defineModel({
      domain: scatteredPoints({
        axes: 2,
        coordinates: Float64Array.from({ length: 2 * 67 }, (_, i) => Math.sin(12.9898 * i)),
      }),
      contraction: cp({ rank: 22 }),
      network: plain(),
    }),
};
const objectives = [squaredError(), bceWithLogits()];
/** Beside the sine of all these models, and the ReLU of a decoder. */
const otherActivations = [cosine, leakyRelu, tanh];

export const training: Family = {
  name: 'models and their gradients',
  async run(bench) {
    const checks: Check[] = [];
    for (const [i, [name, define]] of Object.entries(models).entries()) {
      const objective = objectives[i % 2];
      checks.push(...(await checked(bench, `${name}, ${objective.name}`, define(), objective)));
    }
    for (const activation of otherActivations) checks.push(...(await activated(bench, activation)));
    return checks;
  },
};

/** A hidden layer of few points, whose products compile fastest: what an activation makes is the same on all. */
async function activated(bench: Bench, activation: Activation): Promise<Check[]> {
  const [points, width, omega] = [3, 43, 1.5];
  const attributes = { depth: 2, width, activation, omegas: [omega] };
  const shapes = parameterShapes(1, 5, attributes);
  const x = bench.numbers(points);
  const numbers = bench.numbers(sizeOfAll(shapes));
  const parameters = bench.stack(shapes, numbers);
  const input = bench.stack(
    [[points, 2]],
    [...x].flatMap(one => [one, 1]),
  );
  const { values, slopes } = await bench.compute(graph => {
    const { residuals } = factorNetwork(graph.read(parameters), graph.read(input), attributes);
    return { values: residuals.inputs[1], slopes: residuals.derivatives[0] };
  });
  const pairs = [...x].flatMap(one =>
    Array.from({ length: width }, (_, unit) =>
      activations[activation.name](omega, numbers[2 * unit] * one + numbers[2 * unit + 1]),
    ),
  );
  return [
    compared(
      `hidden units, ${activation.name}`,
      values.filter((_, i) => i % (width + 1) < width),
      pairs.map(([value]) => value),
      1e-5,
    ),
    compared(
      `their derivatives, ${activation.name}`,
      slopes,
      pairs.map(([, slope]) => slope),
      1e-5,
    ),
  ];
}

/** Output, loss and gradient: with the output wanted, and where the loss may be taken as it is stored. */
async function checked(bench: Bench, name: string, model: Model, objective: Objective): Promise<Check[]> {
  const numbers = initialParameters(model, 3);
  const twin = twinOf(model, numbers);
  const outputs = twin.outputs();
  // In [0, 1], as both losses have them; every fifth point is left out.
  const target = Float32Array.from(outputs, (_, i) => (i % 5 === 3 ? Number.NaN : 0.5 + 0.4 * Math.sin(3.1 * i)));
  const loss = lossOf(twin.tape, outputs, objective.name, target);
  twin.tape.differentiate(loss);
  const wanted = {
    output: twin.tape.values(outputs),
    loss: [twin.tape.value(loss)],
    gradient: twin.tape.gradients(twin.parameters),
  };
  const parameters = bench.stack(modelParameterShapes(model), numbers);
  const targets = bench.stack(outputShapes(model), toDevice(model, target));
  const source = inputSource(bench.engine, bench.scope, model);
  const build = (graph: Graph) => {
    const at = graph.read(parameters);
    const { output } = forward(graph, model, at, source.input(graph));
    const goal = objective.goal(output, graph.read(targets));
    return { output, loss: goal.loss, gradient: gradientOf(goal, output, at) };
  };
  const apart = await bench.compute(build);
  const checks = [
    compared(`output of ${name}`, toHost(model, apart.output), wanted.output, 1e-5),
    compared(`loss of ${name}`, apart.loss, wanted.loss, 1e-5),
    compared(`gradient of ${name}`, apart.gradient, wanted.gradient, 2e-5),
  ];
  const { contraction, readout, domain } = model;
  // Of two axes: with more the kernel differs by the factors of the output that it was just compared for.
  const isPlain = contraction.name === 'cp' && readout.name === 'identity' && domain.isGrid && domain.axes === 2;
  if (!isPlain) return checks;
  const stored = await bench.compute(graph => {
    const { loss, gradient } = build(graph);
    return { loss, gradient };
  });
  return [
    ...checks,
    compared(`loss of ${name}, taken as the output is stored`, stored.loss, wanted.loss, 1e-5),
    compared(`gradient of ${name}, taken as the output is stored`, stored.gradient, wanted.gradient, 2e-5),
  ];
}
