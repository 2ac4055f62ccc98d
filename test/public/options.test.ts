/** A misspelt option is refused by the function that was given it, with those that there are: nothing is done without it. */

import type { Graph } from '../../src/graph/operation.js';
import * as sepnn from '../../src/public/node.js';
import * as ntk from '../../src/public/ntk.js';
import * as ops from '../../src/public/ops.js';
import * as pde from '../../src/public/pde.js';
import { requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('options');

const network = sepnn.architecture({ width: 4 });
const model = sepnn.defineModel({ domain: sepnn.grid([3, 3]), contraction: sepnn.cp({ rank: 2 }), network });
const parameters = sepnn.initialParameters(model, 0);
const square = engine.tensor([3, 3], [2, 0, 0, 0, 1, 0, 0, 0, 3]);

/** A node of a graph that is never run. */
function build(of: (graph: Graph, square: ops.Value) => unknown): unknown {
  const graph = engine.trialGraph();
  return of(graph, graph.read(square));
}

/** What has one option that is misspelt: the functions' own types refuse it, and a caller without types has none. */
const misspelt: Readonly<Record<string, (wrong: never) => unknown>> = {
  matmul: wrong => build((_, a) => ops.matmul(a, a, wrong)),
  modeProduct: wrong => build((_, a) => ops.modeProduct(a, a, 0, wrong)),
  topEigenpairs: wrong => build((_, a) => ops.topEigenpairs(a, a, wrong)),
  contractTt: wrong => build((_, a) => ops.contractTt(a, wrong)),
  contractTucker: wrong => build((_, a) => ops.contractTucker(a, a, wrong)),
  contractFields: wrong => build((_, a) => ops.contractFields(a, wrong)),
  eigendecompose: wrong => ops.eigendecompose(engine, [1, 1], [1], wrong),
  measureRoofline: wrong => ops.measureRoofline(engine, wrong),
  packedCopy: wrong => sepnn.packedCopy(engine, square, wrong),
  fourierSeries: wrong => sepnn.fourierSeries(wrong),
  renderTiles: wrong => sepnn.renderTiles({} as sepnn.Trainer, wrong).next(),
  evaluate: wrong => sepnn.evaluate(engine, model, parameters, model.domain, wrong),
  writeModel: wrong => sepnn.writeModel('', wrong),
  factorSpectra: wrong => ntk.factorSpectra(engine, wrong),
  modelSpectra: wrong => ntk.modelSpectra(engine, wrong),
  limitNtk: wrong => ntk.limitNtk(wrong),
  ntkCp: wrong => ntk.ntkCp(wrong),
  ntkJoint: wrong => ntk.ntkJoint(wrong),
  TangentTrainer: wrong => ntk.TangentTrainer.create(engine, wrong),
  jetArchitecture: wrong => pde.jetArchitecture(wrong),
  residualSepPgd: wrong => pde.residualSepPgd(wrong),
  ProblemTrainer: wrong => pde.ProblemTrainer.create(engine, wrong),
};

for (const [name, call] of Object.entries(misspelt)) {
  test(`${name} refuses an option that it has not, and options that are none`, async () => {
    const before = engine.memory.buffers;
    const unknown = new RegExp(`^${name}: option mispelt is unknown: use \\w+[^\\n]*$`);
    await requireThrows('unknown', () => call({ mispelt: true } as never), 'InputError', unknown);
    await requireThrows(
      'no object',
      () => call('fast' as never),
      'InputError',
      new RegExp(`^${name}: "fast" is no object`),
    );
    if (engine.memory.buffers !== before) throw new Error(`${name} left ${engine.memory.buffers - before} buffers`);
  });
}

test('matmul says which rows would do where the inner axes differ', async () => {
  const tall = engine.tensor([4, 3]);
  await requireThrows(
    'inner axes',
    () => engine.compile(graph => ({ x: ops.matmul(graph.read(tall), graph.read(tall)) })),
    'InputError',
    /^matmul: \(4, 3\) by \(4, 3\): the inner axes differ: give 3 rows on the right, or transpose one$/,
  );
});

test('evaluate refuses parameters that are none, or of another model', async () => {
  const count = parameters.length;
  for (const [wrong, got] of [
    [undefined, 'undefined'],
    [parameters.subarray(1), `${count - 1}`],
    [new Float32Array(2 * count), `${2 * count}`],
  ] as const) {
    await requireThrows(
      got,
      () => sepnn.evaluate(engine, model, wrong as Float32Array),
      'InputError',
      new RegExp(`^parameters: takes ${count} numbers, got ${got}$`),
    );
  }
});

test('eigendecompose refuses turns that are no count, and a flag that is none', async () => {
  const pairs = (options: object) => ops.eigendecompose(engine, [1, 1], [1], { topK: 1, ...options });
  await requireThrows(
    'turns',
    () => pairs({ mostIterations: 0 }),
    'InputError',
    /^eigendecompose: mostIterations: 0: use a whole number from 1/,
  );
  await requireThrows(
    'a flag',
    () => pairs({ indefinite: 'no' }),
    'InputError',
    /^eigendecompose: indefinite: "no": use true or false/,
  );
});
