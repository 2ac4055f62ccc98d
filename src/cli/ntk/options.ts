/** The options of `sepnn ntk`: how each is read, its default, and which belong to a model and which to the figure. */

import type { AdapterKind } from '../../device/adapter.js';
import { mostAxisPoints } from '../../experiments/spectra.js';
import { sine } from '../../model/activation.js';
import { type Modulation, modulations } from '../../ops/precondition/modulate.js';
import { type Combine, combines } from '../../ops/precondition/precondition.js';
import { adapterOption, matrixUnitsOption, oneOf, real, usualTopK, valueOption, whole, wholes } from '../options.js';
import type { Needs } from '../training/needs.js';
import { activationNames } from '../training/options.js';
import type { Command } from '../vendor.js';

export interface NtkOptions {
  readonly out: string;
  readonly widths?: number | readonly number[];
  readonly rank: number;
  readonly seeds?: number;
  readonly points?: number;
  readonly depth: number;
  readonly activation: string;
  readonly omega?: number;
  readonly steps: number;
  readonly quick: boolean;
  readonly topK?: number;
  readonly modulation: Modulation;
  readonly combine: Combine;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly json: boolean;
}

const figureOnly = ['widths', 'rank', 'seeds', 'depth', 'activation', 'omega', 'steps', 'quick'] as const;
const modelOnly = ['modulation', 'combine'] as const;

export function addNtkOptions(command: Command): Command {
  const add = <T>(flags: string, description: string, parse: (text: string) => T, initial?: T) =>
    command.addOption(valueOption(flags, description, parse, initial));
  command.option('--out <dir>', 'folder for the plots and their data', 'sepnn-ntk');
  add('--widths <W,W,..>', 'of the figure (default: 50,100,200,400,800)', wholes('--widths', 2, 4096));
  add('--rank <R>', "of the figure's first plot", whole('--rank', 1, 4096), 50);
  add('--seeds <N>', 'initialisations of the figure (default: 30)', whole('--seeds', 2, 1000));
  add(
    '--points <N>',
    'of each axis: of the figure (default: 8), or for the kernel of a whole model (default: 256 in all)',
    whole('--points', 2, mostAxisPoints),
  );
  add('--depth <L>', 'linear layers, of the figure', whole('--depth', 2, 64), 3);
  add('--activation <name>', activationNames.join(', '), oneOf('--activation', activationNames), sine.name);
  add('--omega <w>', 'factor in a(w z), of the figure (default: 1)', real('--omega', 0, 1e4, true));
  add('--steps <N>', 'of gradient descent, of the figure', whole('--steps', 1, 10_000), 100);
  command.option('--quick', 'widths 25,50,100 and 10 seeds', false);
  add('--top-k <k>', `eigenpairs modulated (default: ${usualTopK}, at most half the axis)`, whole('--top-k', 1, 1024));
  add('--modulation <g>', modulations.join(' or '), oneOf('--modulation', modulations), 'flat' as const);
  add('--combine <how>', 'sum or product of the axes', oneOf('--combine', combines), combines[0]);
  command.addOption(adapterOption()).addOption(matrixUnitsOption());
  return command.option('--json', 'print one JSON object and nothing else on stdout', false);
}

/** Of the figure, or of the spectra of a model where one is given. */
export function ntkNeeds(model: string | undefined): Needs<NtkOptions> {
  const [names, otherwise] =
    model === undefined
      ? [modelOnly, ' without a model: it belongs to the spectra of one: give a model, or leave it out']
      : [figureOnly, ' with a model: it belongs to the figure: leave it out'];
  return Object.fromEntries(names.map(name => [name, () => otherwise]));
}
