/**
 * Equations as texts, such as u_tt - u_xx + u^2: sums, differences, products (a sign between factors may be left out),
 * quotients, whole powers by ^ or **, brackets, numbers, names, and sin, cos, tanh, exp, sqrt of something.
 */

import { InputError } from '../errors.js';
import { spelled } from '../host/checks.js';
import { call, type Elementary, type Expression, elementary, numberOf } from './expression.js';

const token = /\s*(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|[A-Za-z]\w*|\*\*|[-+*/^()])/iy;
const functions: Readonly<Record<string, Elementary>> = elementary;

/**
 * An expression from a text such as u_tt - u_xx + u^2.
 *
 * @param resolve what a name stands for, or undefined.
 * @throws InputError what cannot be read, and where.
 */
export function parseExpression(text: string, resolve: (name: string) => Expression | undefined): Expression {
  const tokens = tokensOf(text);
  let at = 0;
  const fail = (): never => {
    const found = tokens[at] === undefined ? 'its end' : spelled(tokens[at]);
    throw new InputError(`equation ${spelled(text)}: cannot be read at ${found}`);
  };
  const take = (...wanted: readonly string[]): string | undefined =>
    wanted.includes(tokens[at]) ? tokens[at++] : undefined;
  const sum = (): Expression => {
    let value = product();
    for (;;) {
      const sign = take('+', '-');
      if (sign === undefined) return value;
      value = sign === '+' ? value.plus(product()) : value.minus(product());
    }
  };
  const product = (): Expression => {
    let value = signed();
    for (;;) {
      if (take('*')) value = value.times(signed());
      else if (take('/')) value = value.over(signed());
      else if (tokens[at] !== undefined && /^[\w.(]/.test(tokens[at])) value = value.times(power());
      else return value;
    }
  };
  const signed = (): Expression => {
    const sign = take('-', '+');
    if (sign === undefined) return power();
    return sign === '-' ? signed().times(-1) : signed();
  };
  const power = (): Expression => {
    const base = primary();
    if (!take('^', '**')) return base;
    const minus = take('-') ? -1 : 1;
    const exponent = tokens[at++] ?? '';
    return /^\d+$/.test(exponent) ? base.power(minus * Number(exponent)) : fail();
  };
  const primary = (): Expression => {
    if (take('(')) {
      const inner = sum();
      return take(')') ? inner : fail();
    }
    const name = tokens[at];
    if (name === undefined || !/^[\w.]/.test(name)) return fail();
    at++;
    if (/^[\d.]/.test(name)) return numberOf(Number(name));
    const known = resolve(name);
    if (known) return known;
    const called = functions[name];
    if (!called || !take('(')) throw new InputError(`equation ${spelled(text)}: there is no ${spelled(name)}`);
    const argument = sum();
    return take(')') ? call(called, argument) : fail();
  };
  const whole = sum();
  return at === tokens.length ? whole : fail();
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (text.slice(token.lastIndex).trim() !== '') {
    const from = token.lastIndex;
    const found = token.exec(text);
    if (!found)
      throw new InputError(`equation ${spelled(text)}: cannot be read at ${spelled(text.slice(from).trim())}`);
    tokens.push(found[1]);
  }
  return tokens;
}
