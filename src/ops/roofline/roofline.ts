/** What the ceilings of a device are measured with: multiply-adds alone, and a copy. */

import { applyOne } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/roofline.js';

interface FmaAttributes {
  readonly chains: number;
  readonly rounds: number;
  readonly scale: number;
  readonly offset: number;
}

const unrolled = kernels.fmaConstants.UNROLL;

const fma: Operation<FmaAttributes> = {
  name: 'fma',
  shapes: ([input]) => [input],
  lower: ({ device, attributes: { chains, ...settings }, inputs: [input], outputs: [result] }) => {
    const count = result.layout.length / 4;
    const { constants, workgroups } = oneThreadEach(device, Math.ceil(count / chains));
    return [
      dispatch(kernels.fma, {
        constants: { ...constants, CHAINS: chains },
        workgroups,
        settings: { count, ...settings },
        buffers: { input: input.storage, result: result.storage },
        work: { operations: 8 * count * unrolled * settings.rounds },
      }),
    ];
  },
  notDifferentiable: 'it measures a device',
};

const copyOperation: Operation<undefined> = {
  name: 'copy',
  shapes: ([input]) => [input],
  lower: ({ device, inputs: [input], outputs: [result] }) => {
    const count = result.layout.length / 4;
    return [
      dispatch(kernels.copy, {
        ...oneThreadEach(device, count),
        settings: { count },
        buffers: { input: input.storage, result: result.storage },
      }),
    ];
  },
  notDifferentiable: 'it measures a device',
};

/** Every number x taken 16 `rounds` times through x <- scale x + offset. */
export function repeatedFma(input: Value, attributes: FmaAttributes): Value {
  return applyOne(fma, [input], attributes);
}

export function copy(input: Value): Value {
  return applyOne(copyOperation, [input], undefined);
}
