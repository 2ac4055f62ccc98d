/** Models of every kind on the device: outputs, losses and gradients, against the same models in float64. */

import type { Graph } from '../../graph/operation.js';
import { cosine, leakyRelu, relu, sine, tanh } from '../../model/activation.js';
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
import { gradientOf } from '../../train/gradient.js';
import { type Bench, type Check, compared, type Family } from './bench.js';
import { lossOf, twinOf } from './twins/twin.js';

const plain = (options: Partial<ArchitectureOptions> = {}) => architecture({ width: 41, omega: 1.5, ...options });

/** Sizes past a tile, and multiples of none. */
const models: Readonly<Record<string, () => Model>> = {
  'CP, sine': () => defineModel({ domain: grid([70, 43]), contraction: cp({ rank: 45 }), network: plain() }),
  'CP of three axes, cosine': () =>
    defineModel({
      domain: grid([9, 10, 11]),
      contraction: cp({ rank: 21, scale: 0.5 }),
      network: plain({ activation: cosine }),
      members: 2,
    }),
  'mixed CP, tanh, Fourier features': () =>
    defineModel({
      domain: grid([21, 43]),
      contraction: cp({ rank: 22 }),
      network: plain({ activation: tanh, frequencies: [0.5, 1, 1.7] }),
      readout: mixing({ outputs: 3 }),
    }),
  'decoded CP, ReLU': () =>
    defineModel({
      domain: grid([6, 300]), // where a dimension tree is cheaper
      contraction: cp({ rank: 22 }),
      network: plain(),
      readout: decoder({ hidden: 13, outputs: 3, activation: relu }),
    }),
  'tensor train, leaky ReLU': () =>
    defineModel({
      domain: grid([8, 9, 10]),
      contraction: tensorTrain({ ranks: [5, 7] }),
      network: plain({ activation: leakyRelu }),
    }),
  Tucker: () => defineModel({ domain: grid([8, 9, 10]), contraction: tucker({ ranks: [5, 6, 7] }), network: plain() }),
  'joint network': () =>
    defineModel({ domain: grid([11, 6]), contraction: jointNetwork(), network: plain({ activation: sine }) }),
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

export const training: Family = {
  name: 'models and their gradients',
  async run(bench) {
    const checks: Check[] = [];
    for (const [i, [name, define]] of Object.entries(models).entries()) {
      const objective = objectives[i % 2];
      checks.push(...(await checked(bench, `${name}, ${objective.name}`, define(), objective)));
    }
    return checks;
  },
};

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
    output: outputs.map(({ value }) => value),
    loss: [loss.value],
    gradient: twin.parameters.map(({ gradient }) => gradient),
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
  const isPlain = model.contraction.name === 'cp' && model.readout.name === 'identity' && model.domain.isGrid;
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
