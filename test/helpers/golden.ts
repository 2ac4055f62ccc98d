/** How close the engine must come to a golden case. Imports nothing of Node. */

import type { Comparison } from '../../src/experiments/golden/goldenCase.js';
import { require } from './compare.js';

const tolerances: Readonly<Record<string, number>> = {
  factors: 1e-5,
  output: 1e-5,
  residual: 1e-5,
  loss_value: 1e-5,
  K: 1e-5,
  eigenvalues_desc: 1e-5,
  grad_plain: 1e-5,
  S: 1e-4,
  P: 1e-4,
  Sr: 1e-4,
  M: 1e-4,
  grad_seppgd: 1e-4,
};

/** What a case on scattered points leaves out, and what it alone has. */
const gridOnly = ['loss_value', 'eigenvalues_desc', 'P', 'grad_plain'];
const pointsOnly = ['Sr'];
/** What one of a decoder leaves out. */
const withoutDecoder = ['K', 'eigenvalues_desc', 'M'];

/** Of a case of Muon, which holds no others. */
const ofMuon: Readonly<Record<string, number>> = {
  loss_value: 1e-5,
  grad_seppgd: 2e-4,
  muon_update: 5e-4,
  muon_after1: 1e-3,
  muon_after3: 1e-3,
};

/** Of a case of networks that carry derivatives. */
const ofJets: Readonly<Record<string, number>> = {
  jets: 1e-5,
  output: 1e-5,
  residual: 1e-5,
  loss_value: 1e-5,
  grad_plain: 1e-5,
};

/** @throws a quantity of the case that was not computed, or is off by more than its tolerance. */
export function requireGolden(given: unknown, errors: readonly Comparison[]): void {
  const { X, muon, decoder, terms } = given as Readonly<Record<string, unknown>>;
  const without = [...(X === undefined ? pointsOnly : gridOnly), ...(decoder ? withoutDecoder : [])];
  const own = terms === undefined ? tolerances : ofJets;
  for (const [name, most] of Object.entries(muon ? ofMuon : own)) {
    if (without.includes(name)) continue;
    const found = errors.find(error => error.name === name);
    require(`${name} is missing`, found !== undefined);
    require(`${name} is off by ${found.error}, at most ${most}`, found.error <= most);
  }
}
