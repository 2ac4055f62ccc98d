/** The residuals of equations between fields at the points of a grid, with their loss and the cotangents at the fields. */

import { columnsOf, formatLayout, layoutOf, quad, sameShape, sizeOf, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply } from '../../graph/apply.js';
import { type Operation, scratch, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import * as kernels from '../../wgsl/objective.js';
import { scaled } from '../elementwise/linearCombination.js';
import { sumDispatches } from '../elementwise/sum.js';

export interface ResidualAttributes {
  /**
   * WGSL that defines `fn residualsAt(u: array<vec4f, FIELDS>, g: array<vec4f, TABLES>) -> array<vec4f, 1u + RESIDUALS +
   * FIELDS>`: of four points the loss sum_e weight_e r_e^2 / 2, the residuals r_e, and the loss's derivative by each field.
   */
  readonly text: SlotText;
  /** How many residuals there are. */
  readonly residuals: number;
  /** What a point counts in the loss. */
  readonly scale: number;
}

const operation: Operation<ResidualAttributes> = {
  name: 'residuals',
  shapes: ([fields, tables], { residuals }) => {
    const [{ shape }] = fields.parts;
    if (![...fields.parts, ...(tables?.parts ?? [])].every(part => sameShape(part.shape, shape))) {
      throw new InputError(
        `residuals: takes fields and tables of one shape, got ${formatLayout(fields)} and ${tables ? formatLayout(tables) : 'no tables'}`,
      );
    }
    return [layoutOf([]), fields, stackOf(Array.from({ length: residuals }, () => shape))];
  },
  lower: ({ device, attributes, inputs: [fields, tables], outputs: [loss, cotangent, residual] }) => {
    const [part] = fields.layout.parts;
    const quads = (sizeOf(part.shape) / columnsOf(part.shape)) * (part.stride / quad);
    const { constants, workgroups } = oneThreadEach(device, quads);
    const partial = scratch(layoutOf([sizeOf(workgroups) * constants.WORKGROUP]));
    const pass = dispatch(kernels.residuals, {
      constants: {
        ...constants,
        FIELDS: fields.layout.parts.length,
        TABLES: tables?.layout.parts.length ?? 1,
        RESIDUALS: attributes.residuals,
      },
      slots: { residual: attributes.text },
      settings: { quads, rowQuads: part.stride / quad, columns: columnsOf(part.shape), scale: attributes.scale },
      buffers: {
        field: fields.storage,
        table: (tables ?? fields).storage,
        residual: residual.storage,
        cotangent: cotangent.storage,
        loss: partial.storage,
      },
      workgroups,
    });
    return [pass, ...sumDispatches(device, partial, loss)];
  },
  vjp: ({ outputs: [, atFields], cotangents: [cotangent, ...rest] }) => {
    if (rest.some(other => other !== undefined)) {
      throw new InputError('residuals: a gradient flows into the residuals themselves: differentiate their loss');
    }
    if (cotangent === undefined) return [];
    if (typeof cotangent !== 'number') throw new Error('residuals: the cotangent of a loss is a number');
    return [scaled(atFields, cotangent)];
  },
};

/**
 * L = scale sum over points and equations of weight r^2 / 2.
 *
 * @param fields of one shape, a part each.
 * @param tables of numbers that the equations hold, of the same shape.
 * @returns the loss, a scalar; its cotangents at the fields; and the residuals, a part each.
 * @throws InputError parts of different shapes.
 */
export function residuals(fields: Value, tables: Value | undefined, attributes: ResidualAttributes) {
  const inputs = tables ? [fields, tables] : [fields];
  const [loss, cotangents, found] = apply(operation, inputs, attributes);
  return { loss, cotangents, residuals: found };
}
