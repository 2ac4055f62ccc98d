/** What a tuner found, kept in the cache folder for each adapter and driver. */

import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { featuresOf } from '../device/device.js';
import type { Engine } from '../graph/engine.js';
import { cacheFolder, readOwn, unwritable } from './cache.js';
import { writeWhole } from './files.js';

/** One a description, which names a driver's version, and set of features, on which the kernels depend. */
async function fileOf({ adapter, device }: Engine): Promise<string> {
  const { vendor, architecture, description } = adapter;
  const text = [vendor, architecture, description, ...featuresOf(device)].join('\n');
  return join(await cacheFolder(), `tuning-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`);
}

/**
 * Gives the engine what an earlier run found; a file that is missing or not what this wrote counts as nothing.
 *
 * @throws InputError a cache folder that cannot be made, or that others may write to.
 */
export async function recallTuning(engine: Engine): Promise<void> {
  const text = (await readOwn(await fileOf(engine)))?.toString() ?? '{}';
  try {
    const found = Object.entries(JSON.parse(text) as Record<string, unknown>);
    engine.tuning = Object.fromEntries(
      found.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    // Measured anew.
  }
}

/** Keeps what the engine found for later runs. @throws InputError as `recallTuning`, and where it cannot be written. */
export async function rememberTuning(engine: Engine): Promise<void> {
  const path = await fileOf(engine);
  try {
    await writeWhole(path, JSON.stringify(engine.tuning, null, 1));
  } catch (error) {
    throw unwritable(dirname(path), error);
  }
}
