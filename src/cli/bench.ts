/** `sepnn bench`: the options of the benchmark, which stands outside of src and is built beside the command. */

import type { AdapterKind } from '../device/adapter.js';
import type { Ending } from './ending.js';
import { adapterOption, either, list, matrixUnitsOption, oneOf, valueOption } from './options.js';
import { Command } from './vendor.js';

export const peerNames = ['tfjs', 'jax-js'] as const;
export type PeerName = (typeof peerNames)[number];
const benchParts = ['products', 'kernels', 'eigen', 'steps', 'equations', 'growth'] as const;
export type BenchPart = (typeof benchParts)[number];

export interface BenchOptions {
  readonly out: string;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly against: readonly PeerName[];
  readonly only: readonly BenchPart[];
  readonly quick: boolean;
  readonly json: boolean;
}

export function benchCommand(ending: Ending): Command {
  return new Command('bench')
    .description('kernels and whole steps, beside other libraries on the same device')
    .option('--out <dir>', 'folder for the JSON and the charts', 'sepnn-bench')
    .addOption(valueOption('--against <names>', `${peerNames.join(', ')}, or none`, peersOf, peerNames))
    .addOption(
      valueOption('--only <names>', benchParts.join(', '), list('--only', oneOf('--only', benchParts)), benchParts),
    )
    .addOption(adapterOption())
    .addOption(matrixUnitsOption())
    .option('--quick', 'few sizes and short rounds: about a minute', false)
    .option('--json', 'print one JSON object and nothing else on stdout', false)
    .action(async (options: BenchOptions) => {
      // A name that the bundler does not follow: src imports nothing from outside itself.
      const entry = new URL('./bench.js', import.meta.url).href;
      const { bench } = (await import(entry)) as { bench(options: BenchOptions): Promise<void> };
      await ending.inSharedFolder('--out', options.out, () => bench(options));
    });
}

const listed = either('none', list('--against', oneOf('--against', peerNames)));

function peersOf(text: string): readonly PeerName[] {
  const peers = listed(text);
  return peers === 'none' ? [] : peers;
}
