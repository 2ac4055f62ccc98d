/** The problems that ship, by their names. */

import type { Problem } from './problem.js';
import { diffusion } from './problems/diffusion.js';
import { helmholtz } from './problems/helmholtz.js';
import { kleinGordon } from './problems/kleinGordon.js';
import { heat, poisson, wave } from './problems/simple.js';

export const problems: Readonly<Record<string, Problem>> = Object.fromEntries(
  [helmholtz, kleinGordon, diffusion, poisson, heat, wave].map(problem => [problem.name, problem]),
);
