/** A program that opens the command's engine on whatever there is, and says on stderr which that was. */

import { openQuietly } from '../../src/cli/engine.js';

const engine = await openQuietly('auto');
process.stderr.write(`${engine.adapter.kind}\n`);
await engine.dispose();
