/** Matrix products on every schedule that the device can run, of whole numbers, whose sums are exact. */

import { layoutOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { applyOne } from '../../graph/apply.js';
import type { Operation } from '../../graph/operation.js';
import { matmul } from '../../ops/linear/matmul.js';
import { modeProduct } from '../../ops/linear/modeProduct.js';
import { productOfParts } from '../../ops/linear/product.js';
import { vjp } from '../../ops/vjp.js';
import { chooseCut } from '../../schedule/cut.js';
import { productDispatch } from '../../schedule/product.js';
import type { Schedule } from '../../schedule/schedule.js';
import { candidates } from '../../schedule/table.js';
import { product } from '../../wgsl/linear.js';
import { type Bench, type Check, compared, type Family, mostOfNarrow } from './bench.js';

/** Past every tile, and no multiple of any. */
const large = [141, 45, 135] as const;
const usual = [47, 45, 43] as const;

/** Of A B^T, said as `matmul` does: what other families run on the same schedule, and so one text. */
const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: false };

const onSchedule: Operation<{ readonly schedule: Schedule }> = {
  name: 'product',
  shapes: ([left, right]) => [layoutOf([left.parts[0].shape[0], right.parts[0].shape[0]])],
  lower: ({ device, attributes: { schedule }, inputs: [left, right], outputs: [result] }) => {
    const parts = productOfParts(left.layout.parts[0], right.layout.parts[0], result.layout.parts[0]);
    const buffers = { left: left.storage, right: right.storage, result: result.storage };
    return [productDispatch(device, product, { problems: [parts], buffers, constants }, schedule)];
  },
  notDifferentiable: 'it checks a schedule',
};

/** Numbers along each axis from which on a device may have a schedule of another text. */
const vast = 1024;

/**
 * Two of every text that this device has, the table's own first, and that of vast products. Not those of other devices: neither
 * the table nor a tuner takes them here, and a processor compiles them for longer than most that it takes.
 */
export function schedulesOn(device: Device): Schedule[] {
  const chosen = ofEachText(candidates(device), list => list.slice(0, 2));
  const own = chooseCut(device, '', { problems: [{ rows: vast, columns: vast, inner: vast }] }).schedule;
  return chosen.some(({ text }) => text === own.text) ? chosen : [...chosen, own];
}

function ofEachText(schedules: readonly Schedule[], pick: (list: readonly Schedule[]) => readonly Schedule[]) {
  return [...new Set(schedules.map(({ text }) => text))].flatMap(text =>
    pick(schedules.filter(schedule => schedule.text === text)),
  );
}

export const products: Family = {
  name: 'matrix products',
  async run(bench) {
    const [rows, inner, columns] = large;
    const [a, b] = [whole(bench, rows * inner), whole(bench, inner * columns)];
    const left = bench.tensor([rows, inner], a);
    const right = bench.tensor([columns, inner], transposeOf(b, [inner, columns]));
    const want = multiplied(a, b, large);
    const schedules = schedulesOn(bench.engine.device);
    const found = await bench.compute(graph =>
      Object.fromEntries(
        schedules.map(schedule => [
          schedule.id,
          applyOne(onSchedule, [graph.read(left), graph.read(right)], { schedule }),
        ]),
      ),
    );
    const checks = Object.entries(found).map(([id, c]) => compared(`schedule ${id}`, c, want, 0));
    checks.push(...(await transposed(bench)), await folded(bench), await cut(bench));
    return [...checks, ...(await alongAxes(bench))];
  },
};

/** Whole numbers from -8 to 8. */
function whole(bench: Bench, count: number): Float32Array {
  return bench.numbers(count).map(x => Math.round(8 * x));
}

/** a (n, k) by b (k, m). */
function multiplied(a: ArrayLike<number>, b: ArrayLike<number>, [n, k, m]: readonly number[]): Float64Array {
  const c = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let l = 0; l < k; l++) for (let j = 0; j < m; j++) c[i * m + j] += a[i * k + l] * b[l * m + j];
  }
  return c;
}

function transposeOf(a: Float32Array, [n, m]: readonly number[]): Float32Array {
  return a.map((_, at) => a[(at % n) * m + Math.floor(at / n)]);
}

/** Operands that are stored transposed. */
async function transposed(bench: Bench): Promise<Check[]> {
  const [rows, inner, columns] = usual;
  const [a, b] = [whole(bench, rows * inner), whole(bench, inner * columns)];
  const want = multiplied(a, b, usual);
  const left = bench.tensor([rows, inner], a);
  const right = bench.tensor([inner, columns], b);
  const turnedLeft = bench.tensor([inner, rows], transposeOf(a, [rows, inner]));
  const turnedRight = bench.tensor([columns, inner], transposeOf(b, [inner, columns]));
  const found = await bench.compute(graph => {
    const [l, r, lt, rt] = [left, right, turnedLeft, turnedRight].map(one => graph.read(one));
    return { 'A B^T': matmul(l, rt, { transposeRight: true }), 'A^T B': matmul(lt, r, { transposeLeft: true }) };
  });
  return Object.entries(found).map(([name, c]) => compared(name, c, want, 0));
}

async function folded(bench: Bench): Promise<Check> {
  const columns = 128 * mostOfNarrow + 5;
  const numbers = whole(bench, columns);
  const [left, right] = [bench.tensor([1, 1], [3]), bench.tensor([1, columns], numbers)];
  const { c } = await bench.computeNarrow(graph => ({ c: matmul(graph.read(left), graph.read(right)) }));
  return compared(
    'more tiles than an axis of workgroups holds',
    c,
    numbers.map(x => 3 * x),
    0,
  );
}

/** An inner axis so long that its parts are summed by themselves; of few rows, whose products compile fastest. */
async function cut(bench: Bench): Promise<Check> {
  const size = [3, 9_001, 7] as const;
  const [a, b] = [whole(bench, size[0] * size[1]), whole(bench, size[1] * size[2])];
  const [left, right] = [bench.tensor([size[0], size[1]], a), bench.tensor([size[1], size[2]], b)];
  const { c } = await bench.compute(graph => ({ c: matmul(graph.read(left), graph.read(right)) }));
  return compared('a long inner axis', c, multiplied(a, b, size), 0);
}

/** T x_d A along each axis d, and what gradients of A are made of. */
async function alongAxes(bench: Bench): Promise<Check[]> {
  const [shape, height] = [[5, 22, 23], 21];
  const size = shape.reduce((all, n) => all * n, 1);
  const t = whole(bench, size);
  const tensor = bench.tensor(shape, t);
  const checks: Check[] = [];
  for (const [axis, n] of shape.entries()) {
    const a = whole(bench, height * n);
    const matrix = bench.tensor([height, n], a);
    const { image, gradient } = await bench.compute(graph => {
      const image = modeProduct(graph.read(tensor), graph.read(matrix), axis);
      return { image, gradient: vjp(image, image, [graph.read(matrix)])[0] };
    });
    const stride = shape.slice(axis + 1).reduce((all, m) => all * m, 1);
    const [wantImage, wantGradient] = [new Float64Array((size / n) * height), new Float64Array(height * n)];
    const at = (i: number, row: number) => (Math.floor(i / (n * stride)) * height + row) * stride + (i % stride);
    const point = (i: number) => Math.floor(i / stride) % n;
    for (let i = 0; i < size; i++) {
      for (let row = 0; row < height; row++) wantImage[at(i, row)] += a[row * n + point(i)] * t[i];
    }
    for (let i = 0; i < size; i++) {
      for (let row = 0; row < height; row++) wantGradient[row * n + point(i)] += wantImage[at(i, row)] * t[i];
    }
    checks.push(compared(`T x_${axis + 1} A`, image, wantImage, 0));
    checks.push(compared(`the gradient of A in T x_${axis + 1} A`, gradient, wantGradient, 1e-6));
  }
  return checks;
}
