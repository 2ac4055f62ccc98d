/** Entrants: what a trainer takes of each, and what tables call them. */

import { type Entrant, entrantAtWidth, entrants, labelOf, trainingOf } from '../../src/experiments/entrants.js';
import { learningRateAt } from '../../src/optimiser/optimiser.js';
import { requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('entrants');

test('each entrant gives the optimiser, its rate at every step, and SepPGD where it has a form of it', () => {
  const expected = {
    adam: ['adam', [1e-4, 1e-4], undefined],
    'adam-best': ['adam', [1e-3, 5e-4], undefined],
    seppgd: ['adam', [1e-4, 1e-4], 'seppgd'],
    'seppgd-product': ['adam', [5e-5, 5e-4], 'seppgd'],
    muon: ['muon', [1e-2, 5e-3], undefined],
    'muon-seppgd': ['muon', [3e-3, 1.5e-3], 'seppgd'],
    shampoo: ['shampoo', [1e-2, 5e-3], undefined],
    'shampoo-seppgd': ['shampoo', [5e-4, 5e-3], 'seppgd'],
  } as const;
  requireEqual('names', Object.keys(entrants), Object.keys(expected));
  for (const [name, [optimiserName, rates, preconditionerName]] of Object.entries(expected)) {
    const { optimiser, preconditioner } = trainingOf(entrants[name as keyof typeof entrants], 40, { topK: 3 });
    requireEqual(name, [optimiser.name, preconditioner?.name], [optimiserName, preconditionerName]);
    const found = [0, 20].map(step => learningRateAt(optimiser.learningRate, step));
    requireClose(name, found, rates, { absolute: 1e-12 });
  }
});

test('the product goes slower in wide networks, and nobody else does', () => {
  const at = (width: number) => Object.values<Entrant>(entrants).map(one => entrantAtWidth(one, width).learningRate);
  const narrow = [1e-4, 1e-3, 1e-4, 1e-3, 1e-2, 3e-3, 1e-2, 1e-2];
  requireEqual('320', at(320), narrow);
  requireEqual('321', at(321), narrow.toSpliced(3, 1, 3e-4));
});

test('a label says what an entrant is', () => {
  requireEqual('labels', Object.values<Entrant>(entrants).map(labelOf), [
    'adam 1e-4',
    'adam 1e-3 cosine',
    'adam 1e-4, SepPGD sum',
    'adam 1e-3 cosine, warm-up 20, SepPGD product',
    'muon 1e-2 cosine',
    'muon 3e-3 cosine, SepPGD product',
    'shampoo 1e-2 cosine',
    'shampoo 1e-2 cosine, warm-up 20, SepPGD product',
  ]);
  const own: Entrant = {
    ...entrants.muon,
    warmUp: 20,
    iterations: 3,
    polynomials: 'jordan',
    combine: 'sum',
    topK: 'auto',
    steps: 9,
  };
  requireEqual(
    'own',
    labelOf(own),
    'muon 1e-2 cosine, warm-up 20, 3 iterations, jordan polynomials, SepPGD sum, k = auto, 9 steps',
  );
  const inBatches: Entrant = { ...entrants.shampoo, momentum: 0.98, interleave: 2 };
  requireEqual('in batches', labelOf(inBatches), 'shampoo 1e-2 cosine, momentum 0.98, interleaved by 2');
});
