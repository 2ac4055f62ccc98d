/** What races amount to: when which PSNR was reached. */

import { entrants } from '../../src/experiments/entrants.js';
import type { RacePoint, RaceRun } from '../../src/experiments/race/race.js';
import { middleOf, raceAsCsv, reachedAt, resultsOf, speedUpOf } from '../../src/experiments/race/results.js';
import { requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('results of a race');

function point(step: number, seconds: number, psnr: number, psnrHeldOut?: number): RacePoint {
  return { step, seconds, psnr, loss: 1, mse: 1, ...(psnrHeldOut !== undefined && { psnrHeldOut }) };
}

const slow = [point(0, 0, 5, 4), point(10, 2, 20, 19), point(20, 6, 30, 18)];
const fast = [point(0, 0, 5), point(10, 1, 25), point(20, 2, 35), point(30, 3, 33)];

test('a PSNR is reached where the straight line between two reports comes to it first', () => {
  requireEqual('between', reachedAt(slow, 25), { step: 15, seconds: 4 });
  requireEqual('at a report', reachedAt(slow, 30), { step: 20, seconds: 6 });
  requireEqual('before it falls again', reachedAt(fast, 34), { step: 19, seconds: 1.9 });
  requireEqual('at the start', reachedAt(fast, 5), { step: 0, seconds: 0 });
  requireEqual('not', [reachedAt(slow, 30.1), reachedAt([], 1)], [undefined, undefined]);
  const exact = [point(0, 0, 5), point(10, 1, Number.POSITIVE_INFINITY)];
  requireEqual('an exact fit', reachedAt(exact, 35), { step: 10, seconds: 1 });
});

test('times sooner are of the seconds to a PSNR, and at least those of a curve that has not come there', () => {
  requireEqual('both', speedUpOf(fast, slow, 25), { times: 4, atLeast: false });
  requireEqual('one', speedUpOf(fast, slow, 35), { times: 3, atLeast: true });
  requireEqual('none', [speedUpOf(slow, fast, 35), speedUpOf(fast, [], 35)], [undefined, undefined]);
  requireEqual('middle', [[30], [30, 40], [30, 35, 40]].map(middleOf), [30, 30, 35]);
});

test('results have the last and the best reports, the targets, and the paper as what others are compared with', () => {
  const costs = { setupSeconds: 1, topK: [], gpuBytes: 1, dispatches: 1 };
  const runs: RaceRun[] = [
    { name: 'seppgd:steps=20', entrant: { ...entrants.seppgd, steps: 20 }, curve: slow, ...costs },
    { name: 'muon', entrant: entrants.muon, curve: fast, ...costs },
    { name: 'adam', entrant: entrants.adam, curve: [], failedAt: 0, ...costs },
  ];
  const [paper, muon, none] = resultsOf(runs, [20, 25, 34]);
  requireEqual('held out', [paper.psnr, paper.psnrHeldOut, paper.bestHeldOut], [30, 18, { psnrHeldOut: 19, step: 10 }]);
  requireEqual('reached', paper.reached, [{ step: 10, seconds: 2 }, { step: 15, seconds: 4 }, null]);
  requireClose('ms', [paper.msPerStep, muon.msPerStep, none.msPerStep], [300, 100, 0], { relative: 1e-12 });
  requireEqual(
    'times',
    [paper.speedUp?.times, muon.speedUp, none.speedUp],
    [1, { times: 4, atLeast: false }, undefined],
  );
  requireEqual('none', [none.psnr, none.reached], [undefined, [null, null, null]]);
  requireEqual('without the paper', resultsOf(runs.slice(1), [25])[0].speedUp, undefined);
  const lines = raceAsCsv(runs).trimEnd().split('\n');
  requireEqual('csv', [lines.length, lines[1], lines[4]], [8, 'seppgd:steps=20,0,0,1,5,4', 'muon,0,0,1,5,']);
});
