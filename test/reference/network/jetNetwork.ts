/**
 * Networks of one coordinate with their derivatives by it, in float64: truncated Taylor series by the chain rule in the
 * form of partitions of a set, without the closed forms of each order.
 */

export type JetActivation = 'sine' | 'cosine' | 'tanh';

/** Derivative k of tanh x as a polynomial in t = tanh x, the constant first: from t' = 1 - t^2. */
const tanhPolynomials = [1, 2, 3, 4, 5].reduce<number[][]>(
  found => {
    const slope = (found.at(-1) as number[]).slice(1).map((c, power) => c * (power + 1));
    return [
      ...found,
      Array.from({ length: slope.length + 2 }, (_, power) => (slope[power] ?? 0) - (slope[power - 2] ?? 0)),
    ];
  },
  [[0, 1]],
);

/** a(omega z) and its derivatives by z up to the fifth. */
export function activationDerivatives(name: JetActivation, omega: number, z: number): number[] {
  const x = omega * z;
  const t = Math.tanh(x);
  return Array.from({ length: 6 }, (_, k) => {
    if (name === 'sine') return omega ** k * Math.sin(x + (k * Math.PI) / 2);
    if (name === 'cosine') return omega ** k * Math.cos(x + (k * Math.PI) / 2);
    return omega ** k * tanhPolynomials[k].reduceRight((sum, c) => sum * t + c, 0);
  });
}

/** Every way to part the numbers 1 to n into blocks, by the blocks' sizes. */
function partitions(n: number): number[][] {
  if (n === 0) return [[]];
  return partitions(n - 1).flatMap(blocks => [[...blocks, 1], ...blocks.map((size, at) => blocks.with(at, size + 1))]);
}

const allPartitions = [0, 1, 2, 3, 4].map(partitions);

/** The derivatives of f(z(x)) by x, from those of f and those of z: Faa di Bruno's sum over partitions. */
export function composed(f: readonly number[], z: readonly number[]): number[] {
  return z.map((_, k) =>
    allPartitions[k].reduce((sum, blocks) => sum + blocks.reduce((term, size) => term * z[size], f[blocks.length]), 0),
  );
}

function binomial(n: number, k: number): number {
  return k === 0 ? 1 : (binomial(n - 1, k - 1) * n) / k;
}

/** The derivatives of a product. */
export function multiplied(a: readonly number[], b: readonly number[]): number[] {
  return a.map((_, k) => a.slice(0, k + 1).reduce((sum, own, j) => sum + binomial(k, j) * own * b[k - j], 0));
}

export interface JetShape {
  readonly inputs: number;
  readonly width: number;
  readonly outputs: number;
  readonly depth: number;
  readonly name: JetActivation;
  readonly omegas: readonly number[];
  readonly gated: boolean;
}

/** [W | b] of every layer, and of U and V where the network is gated. */
export function jetLayerShapes({ inputs, width, outputs, depth, gated }: JetShape): [number, number][] {
  const layers = Array.from({ length: depth }, (_, l): [number, number] => [
    l === depth - 1 ? outputs : width,
    (l === 0 ? inputs : width) + 1,
  ]);
  return gated ? [...layers, [width, inputs + 1], [width, inputs + 1]] : layers;
}

/** Outputs of one point, each with its derivatives. @param input the coordinate's features, each with its derivatives. */
export function jetNetwork(
  parameters: ArrayLike<number>,
  input: readonly (readonly number[])[],
  shape: JetShape,
): number[][] {
  const { depth, name, omegas, gated } = shape;
  const shapes = jetLayerShapes(shape);
  const starts = shapes.map((_, m) => shapes.slice(0, m).reduce((sum, [rows, columns]) => sum + rows * columns, 0));
  const linear = (h: readonly (readonly number[])[], m: number) => {
    const [rows, columns] = shapes[m];
    return Array.from({ length: rows }, (_, i) =>
      input[0].map((_, k) => {
        const row = starts[m] + i * columns;
        return h.reduce(
          (sum, own, j) => sum + parameters[row + j] * own[k],
          k === 0 ? parameters[row + columns - 1] : 0,
        );
      }),
    );
  };
  const activated = (z: readonly (readonly number[])[], omega: number) =>
    z.map(own => composed(activationDerivatives(name, omega, own[0]), own));
  const gates = gated ? [depth, depth + 1].map(m => activated(linear(input, m), omegas[0])) : [];
  let h = input;
  for (let layer = 0; layer < depth - 1; layer++) {
    const s = activated(linear(h, layer), omegas[layer]);
    h =
      gated && layer > 0
        ? s.map((own, j) => {
            const [u, v] = [gates[0][j], gates[1][j]];
            const [closed, open] = [
              multiplied(
                own.map((x, k) => (k === 0 ? 1 : 0) - x),
                u,
              ),
              multiplied(own, v),
            ];
            return closed.map((x, k) => x + open[k]);
          })
        : s;
  }
  return linear(h, depth - 1);
}
