/**
 * The engine of a run of the command, opened without what Dawn would say of drivers on the user's terminal; where its device
 * is lost, what was under way is done once more on another.
 */

import type { AdapterKind } from '../device/adapter.js';
import { isDeviceLost } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import { offTerminal } from '../io/offTerminal.js';
import { openOn } from '../public/open.js';
import { warn } from './terminal.js';

/**
 * @param matrixUnits whether they make large products: `--matrix-units`.
 * @throws InputError an adapter without those, or a cache folder that cannot be used. @throws RunError if there is none: what was tried, how to get each, and what Dawn said.
 */
export function openQuietly(adapter: AdapterKind | 'auto', matrixUnits = false): Promise<Engine> {
  return openOn({ adapter, matrixUnits: matrixUnits ? '--matrix-units' : undefined, hush: offTerminal });
}

/** The engine of a command: another after its device was lost. */
export class Engines {
  #engine: Engine | undefined;

  constructor(
    private readonly options: { readonly adapter: AdapterKind | 'auto'; readonly matrixUnits?: boolean | undefined },
  ) {}

  get current(): Engine {
    return this.#engine as Engine;
  }

  async open(): Promise<Engine> {
    const before = this.#engine;
    this.#engine = await openQuietly(this.options.adapter, this.options.matrixUnits);
    if (before) {
      this.#engine.tuning = before.tuning;
      await before.dispose();
    }
    return this.#engine;
  }

  async dispose(): Promise<void> {
    await this.#engine?.dispose();
  }
}

/**
 * Work on the device; where that is lost, once more on another.
 *
 * @param whence where it then begins, as the line says that tells of it.
 */
export async function onceMore<T>(
  engines: Engines,
  work: (engine: Engine) => Promise<T>,
  whence: () => string,
  again = work,
): Promise<T> {
  try {
    return await work(engines.current);
  } catch (error) {
    if (!isDeviceLost(error)) throw error;
    warn(`${error.message.split(':')[0]}: once more on another, ${whence()}`);
    return again(await engines.open());
  }
}
