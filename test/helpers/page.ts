/** What the smoke test runs inside a browser: ten steps on the browser's own device, the result posted back. */

import {
  adam,
  architecture,
  cp,
  createEngine,
  defineModel,
  deviceDescriptor,
  grid,
  sepPgd,
  Trainer,
} from '../../src/public/index.js';

async function main(): Promise<unknown> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('the browser has no WebGPU adapter');
  const device = await adapter.requestDevice(deviceDescriptor(adapter));
  const engine = await createEngine({ device, info: adapter.info });
  const target = Float32Array.from({ length: 480 }, (_, i) => 0.5 + 0.4 * Math.sin(i * 0.07));
  const trainer = await Trainer.create(engine, {
    model: defineModel({
      domain: grid([24, 20]),
      contraction: cp({ rank: 12 }),
      network: architecture({ width: 16 }),
    }),
    target,
    optimiser: adam({ learningRate: 1e-3 }),
    preconditioner: sepPgd({ topK: 6 }),
  });
  const losses = [...(await trainer.advance(10))];
  const output = (await trainer.render()).length;
  trainer.dispose();
  await engine.dispose();
  device.destroy();
  return { losses, output, adapter: adapter.info.architecture };
}

main().then(
  result => fetch('/result', { method: 'POST', body: JSON.stringify({ result }) }),
  error => fetch('/result', { method: 'POST', body: JSON.stringify({ error: String(error?.stack ?? error) }) }),
);
