/** The polynomials of Newton-Schulz steps: odd ones of degree 5, which together bring singular values in (0, 1] near 1. */

import { InputError } from '../errors.js';
import { requireCount, requireNumber, shown } from '../host/checks.js';

/** a, b and c of a x + b x^3 + c x^5. */
export type Polynomial = readonly [a: number, b: number, c: number];

const most = 100;

/** Those of Muon as published (Jordan 2024): one in every step, after five of which values from 0.002 on are in [0.68, 1.2]. */
export function jordanPolynomials(count = 5): Polynomial[] {
  requireCount('jordanPolynomials: count', count, 1, most);
  return Array.from({ length: count }, () => [3.4445, -4.775, 2.0315]);
}

/**
 * Each the best for where those before it have brought the values of [smallest, 1], so that their greatest distance from 1
 * is the least that so many polynomials come to (Amsel et al. 2025, "The Polar Express").
 *
 * @param smallest the more it is, the nearer to 1 what lies above; the less, the more is made of what lies below.
 * @throws InputError a number out of range.
 */
export function minimaxPolynomials(count = 3, smallest = 0.01): Polynomial[] {
  requireCount('minimaxPolynomials: count', count, 1, most);
  requireNumber('minimaxPolynomials: smallest', smallest, { above: 0, below: 1 });
  const polynomials: Polynomial[] = [];
  let [from, to] = [smallest, 1];
  while (polynomials.length < count) {
    const { polynomial, distance } = minimaxOn(from, to);
    polynomials.push(polynomial);
    [from, to] = [1 - distance, 1 + distance];
  }
  return polynomials;
}

/** @throws InputError what is no list of polynomials, or none. */
export function requirePolynomials(given: readonly Polynomial[]): void {
  const fits = Array.isArray(given) && given.length > 0 && given.every(one => Array.isArray(one) && one.length === 3);
  if (!fits) {
    throw new InputError(`polynomials: ${shown(given)}: give minimaxPolynomials(3), or [[a, b, c], ..]`);
  }
  for (const one of given) for (const x of one) requireNumber('polynomials', x);
}

/** Of values that are as near to 1 as float64 tells apart by what follows: the best at 1 itself. */
const [atOne, near]: readonly [Polynomial, number] = [[15 / 8, -10 / 8, 3 / 8], 1e-3];
const exchanges = 100;

/** The polynomial whose greatest distance from 1 on an interval is the least, by Remez's exchange. */
function minimaxOn(from: number, to: number): { polynomial: Polynomial; distance: number } {
  if (to - from < near) return { polynomial: atOne, distance: 0 };
  // It goes under 1, over, under and over again: at the ends, and where its derivative is zero.
  let inner = [from + (to - from) / 4, to - (to - from) / 4];
  for (let exchange = 0; ; exchange++) {
    const rows = [from, ...inner, to].map((x, i) => [x, x ** 3, x ** 5, (-1) ** i, 1]);
    const [a, b, c, distance] = solved(rows);
    const root = Math.sqrt(Math.max(9 * b * b - 20 * a * c, 0));
    const next = [-1, 1].map(sign => Math.sqrt((-3 * b + sign * root) / (10 * c)));
    const moved = Math.max(...next.map((x, i) => Math.abs(x - inner[i])));
    inner = next;
    if (moved < 1e-14 || exchange === exchanges) return { polynomial: [a, b, c], distance };
  }
}

/** x of A x = y for rows of [A | y], by Gauss's elimination with pivots. */
function solved(rows: number[][]): number[] {
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    const pivot = rows.reduce(
      (best, row, at) => (at >= i && Math.abs(row[i]) > Math.abs(rows[best][i]) ? at : best),
      i,
    );
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (let other = 0; other < n; other++) {
      if (other === i) continue;
      const factor = rows[other][i] / rows[i][i];
      rows[other] = rows[other].map((x, at) => x - factor * rows[i][at]);
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}
