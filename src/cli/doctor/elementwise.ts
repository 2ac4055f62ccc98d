/** What is done number by number, on tensors that take more workgroups than a device dispatches along an axis. */

import { usualWorkgroup } from '../../kernel/dispatch.js';
import { fill } from '../../ops/elementwise/fill.js';
import { linearCombination } from '../../ops/elementwise/linearCombination.js';
import { multiply } from '../../ops/elementwise/multiply.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import { reshape } from '../../ops/elementwise/reshape.js';
import { sum } from '../../ops/elementwise/sum.js';
import { copy, repeatedFma } from '../../ops/roofline/roofline.js';
import { type Bench, type Check, compared, type Family } from './bench.js';

/** A device that takes more workgroups along an axis at once has nothing to fold. */
const mostUnfolded = 65_535;
/** Rows are padded. */
const columns = 61;
/** What rounding the result alone comes to. */
const rounding = 1.2e-7;

export const elementwise: Family = {
  name: 'number by number',
  async run(bench) {
    return [...(await small(bench)), ...(await folded(bench))];
  },
};

async function small(bench: Bench): Promise<Check[]> {
  const rows = 301;
  const count = rows * columns;
  const [a, b] = [bench.numbers(count), bench.numbers(count)];
  const [left, right] = [bench.tensor([rows, columns], a), bench.tensor([rows, columns], b)];
  const found = await bench.compute(graph => {
    const [l, r] = [graph.read(left), graph.read(right)];
    return {
      product: multiply(l, r),
      constant: fill(graph, l.layout, 0.3),
      total: sum(multiply(l, l)),
      copied: copy(l),
      chained: repeatedFma(l, { chains: 2, rounds: 1, scale: 0.5, offset: 1 }),
    };
  });
  const total = a.reduce((all, x) => all + x * x, 0);
  return [
    compared(
      'a b',
      found.product,
      a.map((x, i) => x * b[i]),
      rounding,
    ),
    compared(
      'a constant',
      found.constant,
      a.map(() => 0.3),
      0,
    ),
    compared('a sum', found.total, [total], 1e-6),
    compared('a copy', found.copied, a, 0),
    compared(
      'multiply-adds',
      found.chained,
      a.map(x => 2 + (x - 2) / 2 ** 16),
      rounding,
    ),
  ];
}

/** Of more numbers than the workgroups along one axis take; where that is not the device's own limit, of fewer. */
async function folded(bench: Bench): Promise<Check[]> {
  const rows = Math.ceil((mostUnfolded * usualWorkgroup(bench.engine.device)) / columns) + 3;
  const a = new Float32Array(rows * columns);
  const twice = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) {
    a[i] = (i % 1021) - 510;
    twice[i] = 2 * a[i];
  }
  const given = bench.tensor([rows, columns], a);
  const { combined } = await bench.compute(graph => {
    const one = graph.read(given);
    return { combined: linearCombination(one, one, 3, -1) };
  });
  const few = bench.numbers(columns ** 2);
  const square = bench.tensor([columns, columns], few);
  const { shaped, copied } = await bench.computeNarrow(graph => {
    const one = graph.read(square);
    return { shaped: reshape(one, [[columns ** 2]]), copied: pieces([one], [{ part: 0 }]) };
  });
  const where = 'past the workgroups of an axis';
  return [
    compared(`3 a - a ${where}`, combined, twice, 0),
    compared(`another shape ${where}`, shaped, few, 0),
    compared(`rows copied ${where}`, copied, few, 0),
  ];
}
