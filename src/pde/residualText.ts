/**
 * Residuals written as WGSL: the slot of `kernels/objective/residuals.wgsl`, from expressions. What holds no field is a
 * table of numbers, which a host makes in float64; everything that stands in several places is computed once.
 */

import { requireNumber } from '../host/checks.js';
import type { SlotText } from '../kernel/kernel.js';
import {
  derivativeBy,
  derivativesIn,
  type Expression,
  evaluated,
  type FieldDerivative,
  given,
  nameOf,
  numberOf,
  type Point,
  productOf,
  sumOf,
  type TableFunction,
} from './expression.js';

/** Equations R_e = 0 on one grid, ready for a device. */
export interface CompiledResiduals {
  readonly text: SlotText;
  /**
   * The same for sum_e weight_e p_e R_e in place of the loss, p_e being one table more for each equation, after the others:
   * its derivatives by the fields are what a cotangent p at the residuals gives there.
   */
  readonly linearised: SlotText;
  /** The fields that it takes, in their order. */
  readonly fields: readonly FieldDerivative[];
  /** The tables that it takes, as functions of the coordinates. */
  readonly tables: readonly TableFunction[];
  /** The same equations, in these tables. */
  readonly equations: readonly WeightedResidual[];
  /** The same in float64, of values of the fields by `nameOf`: residuals, loss density and its derivatives by the fields. */
  evaluate(
    fields: Readonly<Record<string, number>>,
    point: Point,
    index: number,
  ): {
    readonly residuals: readonly number[];
    readonly loss: number;
    readonly slopes: readonly number[];
  };
}

export interface WeightedResidual {
  readonly residual: Expression;
  readonly weight: number;
}

/** Whether no field stands in an expression, but a function of the coordinates does. */
function isTable(expression: Expression): boolean {
  return expression.term.is !== 'number' && derivativesIn([expression]).length === 0;
}

/** With sums and products parted into what is a table and what is not, so that a whole part is one table. */
function gathered(expression: Expression): Expression {
  const { term } = expression;
  const parted = (parts: readonly Expression[], join: (all: readonly Expression[]) => Expression) => {
    const known = parts.filter(part => derivativesIn([part]).length === 0);
    const rest = parts.filter(part => !known.includes(part)).map(gathered);
    return known.some(isTable) ? join([...rest, tableOf(join(known))]) : join([...rest, ...known]);
  };
  if (isTable(expression)) return tableOf(expression);
  switch (term.is) {
    case 'sum':
      return parted(term.terms, sumOf);
    case 'product':
      return parted(term.factors, productOf);
    case 'power':
      return gathered(term.base).power(term.exponent);
    default:
      return expression;
  }
}

/** What holds no field, as one function of the coordinates. */
function tableOf(expression: Expression): Expression {
  const { term } = expression;
  if (term.is === 'given' || term.is === 'number') return expression;
  return given((point, index) => evaluated(expression, {}, point, index));
}

/**
 * Residuals of one grid as a kernel's text and in float64.
 *
 * @param equations R_e, each with its weight in the loss sum_e weight_e R_e^2 / 2.
 * @throws InputError a number that float32 does not hold.
 */
export function compileResiduals(equations: readonly WeightedResidual[]): CompiledResiduals {
  const residuals = equations.map(({ residual }) => gathered(residual));
  const fields = derivativesIn(residuals);
  const density = sumOf(residuals.map((r, e) => productOf([numberOf(equations[e].weight / 2), r.power(2)])));
  const slopesOf = (cotangents: readonly Expression[]) =>
    fields.map(field =>
      sumOf(
        residuals.map((r, e) =>
          productOf([numberOf(equations[e].weight), cotangents[e], derivativeBy(r, nameOf(field))]),
        ),
      ),
    );
  const slopes = slopesOf(residuals);
  const writer = new Writer(fields.map(nameOf));
  const source = writer.text([density, ...residuals, ...slopes]);
  const cotangents = equations.map(() => given(() => Number.NaN));
  const known = cotangents.map(({ term }) => (term as { readonly at: TableFunction }).at);
  const linear = new Writer(fields.map(nameOf), [...writer.tables, ...known]);
  const atCotangents = sumOf(residuals.map((r, e) => productOf([numberOf(equations[e].weight), cotangents[e], r])));
  const linearSource = linear.text([atCotangents, ...residuals, ...slopesOf(cotangents)]);
  return {
    text: { name: 'residuals', source },
    linearised: { name: 'linearisedResiduals', source: linearSource },
    fields,
    tables: writer.tables,
    equations: residuals.map((residual, e) => ({ residual, weight: equations[e].weight })),
    evaluate: (values, point, index) => ({
      residuals: residuals.map(one => evaluated(one, values, point, index)),
      loss: evaluated(density, values, point, index),
      slopes: slopes.map(one => evaluated(one, values, point, index)),
    }),
  };
}

/**
 * The text of `residualsAt`.
 *
 * @param fields what its argument u holds, by `nameOf`.
 * @param tables what its argument g holds; those that are met first are added.
 * @param results the loss, the residuals, and the loss's derivative by each field.
 * @param known fields that stay as they are: g holds them before the tables.
 */
export function residualText(
  fields: readonly string[],
  tables: TableFunction[],
  results: readonly Expression[],
  known: readonly string[] = [],
): SlotText {
  return { name: 'residuals', source: new Writer(fields, tables, known).text(results) };
}

/** Lines of WGSL in which every expression is computed once. */
class Writer {
  readonly lines: string[] = [];
  readonly #names = new Map<string, string>();

  /**
   * @param tables those known before, in their order.
   * @param known fields that stand before them.
   */
  constructor(
    private readonly fields: readonly string[],
    readonly tables: TableFunction[] = [],
    private readonly known: readonly string[] = [],
  ) {}

  /** The function of the slot. */
  text(results: readonly Expression[]): string {
    const names = results.map(one => `vec4f(${this.nameOf(one)})`);
    return [
      'fn residualsAt(u: array<vec4f, FIELDS>, g: array<vec4f, TABLES>) -> array<vec4f, 1u + RESIDUALS + FIELDS> {',
      ...this.lines,
      `return array<vec4f, 1u + RESIDUALS + FIELDS>(${names.join(', ')});`,
      '}\n',
    ].join('\n');
  }

  /**
   * What an expression goes by, a number or a value of four: after the lines that compute it.
   *
   * @throws InputError a number that float32 does not hold.
   */
  nameOf({ term }: Expression): string {
    switch (term.is) {
      case 'number':
        requireNumber('a number in an equation', term.value);
        return term.value < 0 ? `(${term.value}f)` : `${term.value}f`;
      case 'derivative': {
        const name = nameOf(term.of);
        const known = this.known.indexOf(name);
        return known < 0 ? `u[${this.fields.indexOf(name)}]` : `g[${known}]`;
      }
      case 'given':
        return `g[${this.known.length + this.#tableOf(term.at)}]`;
      case 'sum':
        return this.#named(term.terms.map(one => this.nameOf(one)).join(' + '));
      case 'product':
        return this.#named(term.factors.map(one => this.nameOf(one)).join(' * '));
      case 'power':
        return this.#powerOf(this.nameOf(term.base), term.exponent);
      case 'call':
        return this.#named(`${term.function.wgsl}(${this.nameOf(term.argument)})`);
    }
  }

  #tableOf(at: TableFunction): number {
    const known = this.tables.indexOf(at);
    return known >= 0 ? known : this.tables.push(at) - 1;
  }

  #powerOf(base: string, exponent: number): string {
    if (exponent < 0) return this.#named(`vec4f(1.0) / ${this.#powerOf(base, -exponent)}`);
    if (exponent === 1) return base;
    const half = this.#powerOf(base, Math.floor(exponent / 2));
    const square = this.#named(`${half} * ${half}`);
    return exponent % 2 === 0 ? square : this.#named(`${square} * ${base}`);
  }

  #named(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = `e${this.#names.size}`;
    this.#names.set(text, name);
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }
}
