/** The device's own clock, which leaves out the way there and back that the host's has in it. */

import type { Clock } from './device.js';

const usages = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, queryResolve: 0x200 } as const;
/** Two timestamps: nanoseconds, in 64 bits. */
const bytes = 16;

/**
 * Milliseconds from the beginning of a pass to its end by timestamp queries. Dawn rounds them to 65.5 microseconds where it is
 * not told otherwise (its toggle timestamp_quantization), so that a pass is to last many times as long.
 */
export const timestampClock: Clock = async (device, encode) => {
  const { gpu } = device;
  if (!gpu.features.has('timestamp-query')) return undefined;
  const { value, error } = device.attempt('time', () => {
    const querySet = gpu.createQuerySet({ type: 'timestamp', count: 2 });
    const resolved = gpu.createBuffer({ size: bytes, usage: usages.queryResolve | usages.copySource });
    const read = gpu.createBuffer({ size: bytes, usage: usages.mapRead | usages.copyTarget });
    const encoder = gpu.createCommandEncoder({ label: 'sepnn' });
    const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    const pass = encoder.beginComputePass({ label: 'sepnn', timestampWrites });
    encode(pass);
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    return { read, made: [querySet, resolved, read] };
  });
  try {
    const mapped = device.track(value.read.mapAsync(usages.mapRead));
    const [failure] = await Promise.all([error, mapped]);
    if (failure) throw failure;
    const [begin, end] = new BigUint64Array(value.read.getMappedRange());
    // WebGPU lets them run backwards, and then nothing can be told.
    return Math.max(0, Number(end - begin) / 1e6);
  } finally {
    for (const one of value.made) one.destroy();
  }
};
