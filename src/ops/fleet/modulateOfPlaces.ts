/** The modulated eigenvectors of a fleet's preconditioners, of which each kernel has a k of its own. */

import { apply, requireSameLayout } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { bindingsOf } from '../../kernel/bindings.js';
import { usualWorkgroup } from '../../kernel/dispatch.js';
import { specialise } from '../../kernel/specialise.js';
import * as kernels from '../../wgsl/fleet.js';
import { freeWorkgroup } from '../eigen/workgroups.js';
import { type ModulateAttributes, modulateOperation, modulationNumbers } from '../precondition/modulate.js';

const operation: Operation<ModulateAttributes> = {
  ...modulateOperation,
  name: 'modulateOfPlaces',
  shapes: ([values, vectors, tops], attributes) => {
    const shapes = modulateOperation.shapes([values, vectors], attributes);
    requireSameLayout('modulateOfPlaces: k of each matrix', shapes[1], tops);
    return shapes;
  },
  // The same table and the same memory, with one binding more.
  lower: site => {
    const { name, source } = kernels.modulateOfPlaces;
    const MODULATION = modulationNumbers[site.attributes.modulation];
    return modulateOperation.lower(site).map(one => ({
      ...one,
      kernel: name,
      source: specialise(
        source,
        { WORKGROUP: freeWorkgroup(site.device, usualWorkgroup(site.device)), MODULATION },
        {},
      ),
      bindings: bindingsOf(source),
      resources: [...one.resources, site.inputs[2].storage],
    }));
  },
};

/**
 * `modulate` with a k of each matrix that a run reads.
 *
 * @param attributes the most that each k may be.
 * @param tops (matrices), u32: k.
 * @throws InputError as `modulate`, or another number of k.
 */
export function modulateOfPlaces(
  values: Value,
  vectors: Value,
  attributes: ModulateAttributes,
  tops: Value,
): { scaled: Value; used: Value } {
  const [scaled, used] = apply(operation, [values, vectors, tops], attributes);
  return { scaled, used };
}
