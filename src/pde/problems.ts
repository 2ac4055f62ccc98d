/** The problems that ship, by their names. */

import type { Problem } from './problem.js';
import { diffusion } from './problems/diffusion.js';
import { flowMixing } from './problems/flowMixing.js';
import { helmholtz } from './problems/helmholtz.js';
import { kleinGordon, kleinGordon4 } from './problems/kleinGordon.js';
import { navierStokes3 } from './problems/navierStokes.js';
import { poissonL } from './problems/poissonL.js';
import { heatIn, poisson, waveIn } from './problems/simple.js';

/** Each is made when it is wanted. */
export const problems: Readonly<Record<string, () => Problem>> = {
  diffusion,
  helmholtz,
  'klein-gordon': kleinGordon,
  'klein-gordon-4d': kleinGordon4,
  'flow-mixing': flowMixing,
  'navier-stokes-3d': navierStokes3,
  poisson,
  'poisson-l': poissonL,
  heat: () => heatIn(1),
  'heat-3d': () => heatIn(2),
  'heat-4d': () => heatIn(3),
  'heat-5d': () => heatIn(4),
  'heat-6d': () => heatIn(5),
  wave: () => waveIn(1),
  'wave-3d': () => waveIn(2),
  'wave-4d': () => waveIn(3),
  'wave-5d': () => waveIn(4),
  'wave-6d': () => waveIn(5),
};
