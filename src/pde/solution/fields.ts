/** Fields and their derivatives by the names that expressions give them: u, u_t, u_xx. */

import { InputError } from '../../errors.js';
import { shown } from '../../host/checks.js';
import type { FieldTerm } from '../../ops/contraction/contractFields.js';
import { mostOrder } from '../../ops/network/jetNetwork.js';
import type { Problem } from '../problem.js';

/** @throws InputError a field or an axis that there is not, or a derivative that networks do not carry. */
export function fieldTerm({ name: problem, fields, axes }: Problem, name: string): FieldTerm {
  const names = Object.keys(axes);
  if (fields.includes(name)) return { model: fields.indexOf(name), orders: names.map(() => 0) };
  const [, field, suffix] = /^(.*)_((?:[a-z]\d*)+)$/i.exec(name) ?? [];
  const model = fields.indexOf(field);
  const by: readonly string[] = suffix?.match(/[a-z]\d*/gi) ?? [];
  if (model < 0 || by.some(axis => !names.includes(axis))) {
    throw new InputError(
      `${problem}: there is no ${shown(name)}: use ${fields.join(', ')}, or derivatives by ${names.join(', ')} such as ${fields[0]}_${names[0].repeat(2)}`,
    );
  }
  const orders = names.map(axis => by.filter(one => one === axis).length);
  if (Math.max(...orders) > mostOrder) {
    throw new InputError(`${problem}: ${name}: networks carry derivatives by an axis up to order ${mostOrder}`);
  }
  return { model, orders };
}
