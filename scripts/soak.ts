/**
 * Soaks an engine, and prints what the process holds after equal portions of the work.
 *
 *   npm run soak -- [--adapter NAME] [--engines N] [--replays N] [--trainers N]
 */

import { growthOf, type Soaked, soakEngines, soakReplays, soakTrainers } from '../bench/soak.js';
import { type Engine, type OpenEngineOptions, openEngine, sepPgd } from '../src/public/node.js';
import { wordsOf } from './words.js';

const { values } = wordsOf({
  options: {
    adapter: { type: 'string', default: 'embedded' },
    engines: { type: 'string', default: '10000' },
    replays: { type: 'string', default: '1000000' },
    trainers: { type: 'string', default: '1000' },
  },
});

const parts: Readonly<Record<string, (engine: Engine, count: number) => Promise<Soaked>>> = {
  engines: soakEngines,
  replays: soakReplays,
  trainers: (on, count) => soakTrainers(on, count, sepPgd({ topK: 3 })),
};

await using engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
for (const [name, part] of Object.entries(parts)) {
  const start = performance.now();
  const soaked = await part(engine, Number(values[name as keyof typeof values]));
  console.log(`${name}, ${((performance.now() - start) / 1000).toFixed(0)} s`);
  console.table(soaked);
  console.log('from the first half to the second:', growthOf(soaked));
}
