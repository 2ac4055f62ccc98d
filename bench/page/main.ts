/** The benchmark in a browser: the same cases and peers on the browser's own device. A query that says `auto` starts it
 * and posts the result to `/result`. */

import type { BenchPart, PeerName } from '../../src/cli/bench.js';
import { Device, deviceDescriptor } from '../../src/device/device.js';
import { Engine } from '../../src/graph/engine.js';
import { openJax } from '../peers/jax.js';
import type { Peer } from '../peers/peer.js';
import { openTfjs } from '../peers/tfjs.js';
import type { BenchResult } from '../results.js';
import { type Section, sectionsOf } from '../sections.js';
import { runSuite } from '../suite.js';

const openers: Readonly<Record<PeerName, (device: Device) => Promise<Peer>>> = { tfjs: openTfjs, 'jax-js': openJax };
const allParts: readonly BenchPart[] = ['products', 'kernels', 'eigen', 'steps', 'growth'];

interface Choice {
  readonly quick: boolean;
  readonly against: readonly PeerName[];
  readonly only: readonly BenchPart[];
}

async function run({ quick, against, only }: Choice, report: (what: string) => void): Promise<BenchResult> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('this browser offers no WebGPU adapter: switch WebGPU on, or try another browser');
  const gpu = await adapter.requestDevice(deviceDescriptor(adapter));
  const engine = new Engine(new Device(gpu, { info: adapter.info, owned: true }));
  const peers: Peer[] = [];
  try {
    for (const name of against) peers.push(await openers[name](engine.device));
    return await runSuite(engine, peers, { quick, only, versions: { browser: navigator.userAgent }, report });
  } finally {
    for (const peer of peers) peer.dispose();
    await engine.dispose();
  }
}

function elementOf({ title, head, rows, note }: Section): HTMLElement {
  const section = document.createElement('section');
  section.append(Object.assign(document.createElement('h2'), { textContent: title }));
  const table = section.appendChild(document.createElement('table'));
  const addRow = (cells: readonly string[], tag: 'th' | 'td') => {
    const row = table.insertRow();
    row.append(...cells.map(textContent => Object.assign(document.createElement(tag), { textContent })));
  };
  addRow(head, 'th');
  for (const row of rows) addRow(row, 'td');
  if (note) section.append(Object.assign(document.createElement('p'), { textContent: note }));
  return section;
}

const status = document.querySelector('[role=status]') as HTMLElement;
const main = document.querySelector('main') as HTMLElement;
const form = document.querySelector('form') as HTMLFormElement;

async function show(choice: Choice): Promise<BenchResult> {
  const result = await run(choice, what => {
    status.textContent = what;
  });
  status.textContent = 'done';
  main.replaceChildren(...sectionsOf(result).map(elementOf));
  return result;
}

form.addEventListener('submit', event => {
  event.preventDefault();
  const data = new FormData(form);
  const choice = { quick: data.has('quick'), against: data.getAll('against') as PeerName[], only: allParts };
  show(choice).catch((error: Error) => {
    status.textContent = error.message;
  });
});

const query = new URLSearchParams(location.search);
if (query.has('auto')) {
  const list = (name: string) => (query.get(name) ?? '').split(',').filter(word => word !== '' && word !== 'none');
  const choice = {
    quick: query.has('quick'),
    against: list('against') as PeerName[],
    only: query.has('only') ? (list('only') as BenchPart[]) : allParts,
  };
  const post = (body: unknown) => fetch('/result', { method: 'POST', body: JSON.stringify(body) });
  show(choice).then(
    result => post({ result }),
    (error: Error) => post({ error: error.stack ?? error.message }),
  );
}
