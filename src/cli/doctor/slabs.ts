/** Training in slabs of the first axis, whose plans are others than those of a whole. */

import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel, initialParameters } from '../../model/model.js';
import { sgd } from '../../optimiser/sgd.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { Trainer } from '../../train/trainer.js';
import { compared, type Family } from './bench.js';
import { lossOf, twinOf } from './twins/twin.js';

const [rows, columns] = [70, 43];
/** Of an output: three slabs. */
const slabBytes = 24 * 44 * 4;

export const slabs: Family = {
  name: 'training in slabs',
  async run({ engine, scope }) {
    const model = defineModel({
      domain: grid([rows, columns]),
      contraction: cp({ rank: 23 }),
      network: architecture({ width: 24 }),
    });
    const target = Float32Array.from({ length: rows * columns }, (_, i) =>
      i % 7 === 5 ? Number.NaN : Math.sin(3 * i),
    );
    const before = initialParameters(model, 0);
    /** The loss of the first step, and the gradient that it went along. */
    const step = async (bytes: number | undefined, preconditioner?: Preconditioner) => {
      const options = { model, target, optimiser: sgd({ learningRate: 1 }), ...(preconditioner && { preconditioner }) };
      const trainer = scope.keep(await Trainer.create(engine, { ...options, ...(bytes && { slabBytes: bytes }) }));
      const loss = await trainer.advance(1);
      const { parameters } = await trainer.state();
      return { loss, way: parameters.map((x, i) => before[i] - x) };
    };
    const twin = twinOf(model, before);
    const loss = lossOf(twin.tape, twin.outputs(), 'squared-error', target);
    twin.tape.differentiate(loss);
    const plain = await step(slabBytes);
    const preconditioner = sepPgd({ topK: 14 });
    const [cut, whole] = [await step(slabBytes, preconditioner), await step(undefined, preconditioner)];
    return [
      compared('loss', plain.loss, [twin.tape.value(loss)], 1e-5),
      compared('gradient', plain.way, twin.tape.gradients(twin.parameters), 2e-5),
      compared('loss with SepPGD', cut.loss, [twin.tape.value(loss)], 1e-5),
      compared('way of a step of SepPGD, against that of the whole', cut.way, whole.way, 1e-3),
    ];
  },
};
