/** An engine on a device that Dawn opens, with what Node has by itself: for the package's face and for the command. */

import { type OpenOptions, openDevice } from '../device/dawn.js';
import { Engine } from '../graph/engine.js';
import { embeddedDriver } from '../io/embeddedDriver.js';
import { systemDrivers } from '../io/systemDrivers.js';
import { longSums } from '../schedule/cut.js';
import { matrixFeatures, takeMatrixUnits } from '../schedule/matrixUnits.js';

type Opened = Omit<OpenOptions, 'driver' | 'system' | 'features' | 'longSums'> & {
  /** The option by which matrix units are asked for, as messages name it; none where they are not. */
  readonly matrixUnits?: string | undefined;
};

/** @throws InputError an adapter without the matrix units asked for, or a cache folder that cannot be used. @throws RunError if there is none. */
export async function openOn({ matrixUnits, ...options }: Opened): Promise<Engine> {
  const features = matrixUnits === undefined ? {} : { features: matrixFeatures };
  const device = await openDevice({
    ...options,
    ...features,
    driver: embeddedDriver(),
    system: systemDrivers,
    longSums,
  });
  try {
    if (matrixUnits !== undefined) takeMatrixUnits(device, matrixUnits);
  } catch (error) {
    device.destroy();
    throw error;
  }
  return new Engine(device);
}
