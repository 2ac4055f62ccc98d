/** sepnn in Node: everything of `sepnn`, and an engine on a device that Dawn opens. */

import type { AdapterKind } from '../device/adapter.js';
import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import { requireFlag, requireOptions, shown } from '../host/checks.js';
import { openOn } from './open.js';

export { sleepInTurns } from '../device/sleepInTurns.js';
export { type ModelToSave, readModel, type SavedModel, writeModel } from '../io/model/modelFile.js';
export { recallTuning, rememberTuning } from '../io/tuning.js';
export * from './index.js';

/** Which adapter is opened, and what is asked of it. An option that is undefined is as if left out. */
export interface OpenEngineOptions {
  /** 'auto', the default, takes the first there is of hardware, software (a driver of the system's) and embedded. */
  readonly adapter?: AdapterKind | 'auto' | undefined;
  /**
   * Whether to ask for no optional feature and no limit beyond the defaults: what runs so, runs everywhere; false by
   * default.
   */
  readonly portable?: boolean | undefined;
  /** Options of Dawn's own, such as 'backend=null'; none by default. */
  readonly dawn?: readonly string[] | undefined;
  /**
   * Whether matrix units make products of at least 1024 rows, columns and numbers of the inner axis, as `useMatrixUnits` says;
   * false by default.
   */
  readonly matrixUnits?: boolean | undefined;
}

/**
 * Opens a device and an engine on it. Dispose of the engine before the process ends.
 *
 * @throws InputError an option that is unknown or none, matrix units where there are none, or a cache folder that cannot be used.
 * @throws RunError if there is no adapter: what was tried, and how to get each.
 */
export async function openEngine(options: OpenEngineOptions = {}): Promise<Engine> {
  requireOptions('openEngine', options, { adapter: true, portable: true, dawn: true, matrixUnits: true });
  const { adapter = 'auto', portable = false, dawn = [], matrixUnits = false } = options;
  requireFlag('portable', portable);
  requireFlag('matrixUnits', matrixUnits);
  if (!Array.isArray(dawn) || !dawn.every(one => typeof one === 'string' && one.includes('='))) {
    throw new InputError(`dawn: ${shown(dawn)}: give a list of texts such as 'backend=null'`);
  }
  return openOn({ adapter, portable, dawn, matrixUnits: matrixUnits ? 'matrixUnits' : undefined });
}
