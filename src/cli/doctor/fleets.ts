/** Models trained in one batch, each with a target, a seed, a rate and a k of its own, against each by itself. */

import { bitsOf } from '../../host/arrays.js';
import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel, initialParameters } from '../../model/model.js';
import { muonStepOfPlaces } from '../../ops/fleet/stepOfPlaces.js';
import { adam } from '../../optimiser/adam.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import { sgd } from '../../optimiser/sgd.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { FleetTrainer } from '../../train/fleet/fleetTrainer.js';
import { Trainer } from '../../train/trainer.js';
import { type Bench, type Check, compared, type Family } from './bench.js';
import { lossOf, twinOf } from './twins/twin.js';

const [rows, columns] = [21, 43];
const model = defineModel({
  domain: grid([rows, columns]),
  contraction: cp({ rank: 22 }),
  network: architecture({ width: 23 }),
});
/** One more than there are places. */
const seeds = [1, 2, 3];
const rates: Readonly<Record<number, number>> = { 1: 1, 2: 0.5, 3: 0.25 };
/** Large beside most gradients, so that a step is smooth in them. */
const epsilon = 10;

export const fleets: Family = {
  name: 'fleets',
  async run(bench) {
    const checks: Check[] = [];
    const plain = await ways(bench, sgd({ learningRate: 1 }));
    const smoothed = await ways(bench, adam({ learningRate: 1, epsilon }));
    for (const { seed, loss, gradient } of seeds.map(twin)) {
      checks.push(compared(`loss of model ${seed}`, plain[seed].losses, [loss], 1e-5));
      checks.push(
        compared(
          `step of gradient descent of model ${seed}`,
          plain[seed].way,
          gradient.map(g => rates[seed] * g),
          2e-5,
        ),
      );
      const step = gradient.map(g => (rates[seed] * g) / (Math.abs(g) + epsilon));
      checks.push(compared(`step of Adam of model ${seed}`, smoothed[seed].way, step, 2e-5));
    }
    checks.push(await alongMatrices(bench));
    const preconditioner = sepPgd({ topK: 14 });
    const together = await ways(bench, sgd({ learningRate: 1 }), preconditioner);
    const { engine, scope } = bench;
    const options = { model, target: targetOf(1), optimiser: sgd({ learningRate: 1 }), preconditioner, seed: 1 };
    const alone = scope.keep(await Trainer.create(engine, options));
    await alone.advance(1);
    const { parameters } = await alone.state();
    return [
      ...checks,
      compared('step of SepPGD, against that of a model alone', together[1].way, wayOf(parameters, 1), 1e-3),
    ];
  },
};

/** A Muon step of two models' matrices, one taller than wide; the second model has ended. */
async function alongMatrices(bench: Bench): Promise<Check> {
  const [high, wide, weightDecay] = [23, 14, 0.25];
  const count = high * (wide + 1);
  const [w, u] = [bench.numbers(2 * count), bench.numbers(2 * high * wide)];
  const parameters = bench.stack(
    [0, 1].map(() => [high, wide + 1]),
    w,
  );
  const direction = bench.stack(
    [0, 1].map(() => [wide, high]),
    u,
  );
  const [steps, rests] = [1, 0].map(move => [...bitsOf(1, move), 0.5, -1]);
  const roster = bench.tensor([2, 4], [...steps, ...rests]);
  const { after } = await bench.compute(graph => ({
    after: muonStepOfPlaces(
      graph.read(parameters),
      graph.read(direction),
      { roster: graph.read(roster), places: [0, 1] },
      { matrices: [0, 1], weightDecay },
    ),
  }));
  const expected = Float64Array.from(w, (x, i) => {
    const [row, column] = [Math.floor(i / (wide + 1)), i % (wide + 1)];
    if (row >= high || column === wide) return x;
    return x - 0.5 * (weightDecay * x + Math.sqrt(high / wide) * u[column * high + row]);
  });
  return compared('step of Muon, of one model that steps and one that rests', after, expected, 1e-6);
}

function targetOf(seed: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => (i % 7 === seed ? Number.NaN : Math.sin(seed * i)));
}

function wayOf(after: Float32Array, seed: number): Float32Array {
  const before = initialParameters(model, seed);
  return after.map((x, i) => before[i] - x);
}

function twin(seed: number) {
  const { tape, parameters, outputs } = twinOf(model, initialParameters(model, seed));
  const loss = lossOf(tape, outputs(), 'squared-error', targetOf(seed));
  tape.differentiate(loss);
  return { seed, loss: tape.value(loss), gradient: tape.gradients(parameters) };
}

/** The way that the parameters of every model went in a step, and its loss, by seeds. */
async function ways({ engine, scope }: Bench, optimiser: Optimiser, preconditioner?: Preconditioner) {
  const options = { model, batch: 2, optimiser, steps: 1, ...(preconditioner && { preconditioner }) };
  const fleet = scope.keep(await FleetTrainer.create(engine, options));
  const jobs = seeds.map(seed => ({ id: `${seed}`, target: targetOf(seed), seed, learningRate: rates[seed] }));
  const found: Record<number, { readonly way: Float32Array; readonly losses: Float32Array }> = {};
  for await (const { id, parameters, losses } of fleet.train(jobs)) {
    found[Number(id)] = { way: wayOf(parameters, Number(id)), losses };
  }
  return found;
}
