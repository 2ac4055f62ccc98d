/** The engine of a run of the command, opened without what Dawn would say of drivers on the user's terminal. */

import type { AdapterKind } from '../device/adapter.js';
import { openDevice } from '../device/dawn.js';
import { Engine } from '../graph/engine.js';
import { embeddedDriver } from '../io/embeddedDriver.js';
import { offTerminal } from '../io/offTerminal.js';
import { systemDrivers } from '../io/systemDrivers.js';
import { longSums } from '../schedule/cut.js';

/** @throws RunError if there is none: what was tried, how to get each, and what Dawn said. */
export async function openQuietly(adapter: AdapterKind | 'auto'): Promise<Engine> {
  const device = await openDevice({ adapter, driver: embeddedDriver(), system: systemDrivers, hush: offTerminal });
  return new Engine(Object.assign(device, { longSums }));
}
