/** What a tuner found, kept in the cache folder for each adapter and driver. */

import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../graph/engine.js';
import { cacheFolder } from './cache.js';
import { writeWhole } from './files.js';

/** One a description, which names a driver's version, and set of features, on which the kernels depend. */
function fileOf({ adapter, device }: Engine): string {
  const { vendor, architecture, description } = adapter;
  const text = [vendor, architecture, description, ...device.features].join('\n');
  return join(cacheFolder(), `tuning-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`);
}

/** Gives the engine what an earlier run found; a file that is missing or not what this wrote counts as nothing. */
export async function recallTuning(engine: Engine): Promise<void> {
  const text = await readFile(fileOf(engine), 'utf8').catch(() => '{}');
  try {
    const found = Object.entries(JSON.parse(text) as Record<string, unknown>);
    engine.tuning = Object.fromEntries(
      found.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    // Measured anew.
  }
}

export async function rememberTuning(engine: Engine): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  await writeWhole(fileOf(engine), JSON.stringify(engine.tuning, null, 1));
}
