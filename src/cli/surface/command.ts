/** `sepnn surface`: the command. What it does stands apart, so that the loaders are brought in only where it runs. */

import type { Ending } from '../ending.js';
import { Command } from '../vendor.js';
import { addSurfaceOptions, type SurfaceOptions, withOmega } from './options.js';

export function surfaceCommand(ending: Ending): Command {
  const command = new Command('surface')
    .description('represent a closed surface, or a volume, by the occupancy of a grid')
    .argument('<file>', 'a mesh (.obj, .ply, .stl), or a volume (.npy: numbers or bools of three axes)');
  return addSurfaceOptions(command).action(async (file: string, options: SurfaceOptions, given: Command) => {
    const { surface } = await import('./fit.js');
    await surface(ending, file, withOmega(options), given);
  });
}
