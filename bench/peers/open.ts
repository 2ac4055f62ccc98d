/** Opens a peer in Node by its name. */

import type { PeerName } from '../../src/cli/bench.js';
import type { Device } from '../../src/device/device.js';
import { defineNodeGlobals } from './nodeGlobals.js';
import type { Peer } from './peer.js';

/** @param device everybody's; no peer ends it. */
export async function openPeer(name: PeerName, device: Device): Promise<Peer> {
  const { globals } = await import('webgpu');
  defineNodeGlobals(globals);
  if (name === 'tfjs') return (await import('./tfjs.js')).openTfjs(device);
  return (await import('./jax.js')).openJax(device);
}
