/** The CommonJS packages that the command is built with. They are bundled into a file of their own, since they call
 * `require`, which a module does not have: see scripts/build.ts. */

import progress from 'cli-progress';

export { Presets, SingleBar } from 'cli-progress';
export { default as Table } from 'cli-table3';
export { Command, CommanderError, Option } from 'commander';

/** Node does not see it among the names that the package exports. */
export const { Format } = progress;
