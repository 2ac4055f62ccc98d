/** Equations linearised in the fields, R(u + d) = R(u) + sum_f dR/df d_f, as texts for the kernel of residuals. */

import type { SlotText } from '../../kernel/kernel.js';
import { derivativeBy, derivativeOf, type Expression, nameOf, numberOf, productOf, sumOf } from '../expression.js';
import { type CompiledResiduals, residualText } from '../residualText.js';

/**
 * The quadratic form sum_e weight_e (sum_f dR_e/df d_f)^2 / 2.
 *
 * @param changed which of the residuals' fields have a d_f.
 * @returns a text whose fields are the d_f, and whose tables are all u_f and then those of the residuals.
 */
export function quadraticForm({ equations, fields, tables }: CompiledResiduals, changed: readonly number[]): SlotText {
  const changes = changed.map(f => derivativeOf(`change of ${fields[f].field}`, fields[f].orders));
  const slopes = equations.map(({ residual }) => changed.map(f => derivativeBy(residual, nameOf(fields[f]))));
  const linear = slopes.map(own => sumOf(own.map((slope, i) => productOf([slope, changes[i]]))));
  const density = sumOf(linear.map((one, e) => productOf([numberOf(equations[e].weight / 2), one.power(2)])));
  const atChanges = changes.map((_, i) =>
    sumOf(linear.map((one, e) => productOf([numberOf(equations[e].weight), one, slopes[e][i]]))),
  );
  const names = changed.map(f => `change of ${nameOf(fields[f])}`);
  return residualText(names, [...tables], [density, ...linear, ...atChanges], fields.map(nameOf));
}

/**
 * sum_e weight_e (dR_e/df)^2 / 2 by one of the fields: a number where it is the same everywhere, and else a text, with no
 * slopes.
 */
export function squaredSlope({ equations, fields, tables }: CompiledResiduals, field: number): number | SlotText {
  const slopes = equations.map(({ residual }) => derivativeBy(residual, nameOf(fields[field])));
  const density: Expression = sumOf(
    slopes.map((slope, e) => productOf([numberOf(equations[e].weight / 2), slope.power(2)])),
  );
  if (density.term.is === 'number') return density.term.value;
  const zeros = [...equations, ...fields].map(() => numberOf(0));
  return residualText(fields.map(nameOf), [...tables], [density, ...zeros]);
}
