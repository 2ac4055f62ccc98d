/** What `sepnn bench` does in Node: opens an engine and the peers on its device, runs the suite, reports. */

import { join } from 'node:path';
import type { BenchOptions, PeerName } from '../src/cli/bench.js';
import { openQuietly } from '../src/cli/engine.js';
import { print } from '../src/cli/terminal.js';
import { InputError } from '../src/errors.js';
import type { Engine } from '../src/graph/engine.js';
import { makeFolder, writeWhole } from '../src/io/files.js';
import { encodeMicroseconds } from './cases/encode.js';
import type { Peer } from './peers/peer.js';
import { charts, tables } from './report.js';
import { runSuite } from './suite.js';

declare const SEPNN_VERSION: string;

export async function bench(options: BenchOptions): Promise<void> {
  const engine = await openQuietly(options.adapter, options.matrixUnits);
  const peers: Peer[] = [];
  try {
    // Before the peers, whose garbage would be collected meanwhile.
    const encoding = options.only.includes('steps') ? await encodeMicroseconds() : undefined;
    for (const name of options.against) peers.push(await openNamed(name, engine));
    const result = await runSuite(engine, peers, {
      ...options,
      versions: { sepnn: SEPNN_VERSION, node: process.version },
      report: what => process.stderr.write(`${what}\n`),
    });
    if (encoding !== undefined) result.encodeMicroseconds = encoding;
    const json = JSON.stringify(result, null, 1);
    const files = { 'bench.json': json, ...charts(result) };
    await makeFolder(options.out); // another run that made it takes it away where it ends with nothing in it
    for (const [name, text] of Object.entries(files)) await writeWhole(join(options.out, name), text);
    if (options.json) return print(json);
    for (const table of tables(result)) print(table);
    print(
      `\nwritten: ${Object.keys(files)
        .map(name => join(options.out, name))
        .join(', ')}`,
    );
  } finally {
    for (const peer of peers) peer.dispose();
    await engine.dispose();
  }
}

/** @throws InputError where the peers are not built, as in the published package. */
async function openNamed(name: PeerName, engine: Engine): Promise<Peer> {
  const peers = await import('./peers/open.js').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new InputError(
      `--against ${name}: peers are built in a checkout only: use --against none, or npm run bench there`,
    );
  });
  return peers.openPeer(name, engine.device);
}
