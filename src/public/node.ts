/** sepnn in Node: everything of `sepnn`, and an engine on a device that Dawn opens. */

import type { AdapterKind } from '../device/adapter.js';
import { openDevice } from '../device/dawn.js';
import { Engine } from '../graph/engine.js';
import { embeddedDriver } from '../io/embeddedDriver.js';

export { sleepInTurns } from '../device/sleepInTurns.js';
export { readModel, type SavedModel, writeModel } from '../io/model/modelFile.js';
export { recallTuning, rememberTuning } from '../io/tuning.js';
export * from './index.js';

export interface OpenEngineOptions {
  /** 'auto', the default, takes the first there is of hardware, software (a driver of the system's) and embedded. */
  readonly adapter?: AdapterKind | 'auto';
  /** Whether to ask for no optional feature and no limit beyond the defaults: what runs so, runs everywhere. */
  readonly portable?: boolean;
  /** Options of Dawn's own, such as 'backend=null'. */
  readonly dawn?: readonly string[];
}

/**
 * Opens a device and an engine on it. Dispose of the engine before the process ends.
 *
 * @throws InputError an unknown adapter. @throws RunError if there is none: what was tried, and how to get each.
 */
export async function openEngine(options: OpenEngineOptions = {}): Promise<Engine> {
  return new Engine(await openDevice({ adapter: 'auto', ...options, driver: embeddedDriver() }));
}
