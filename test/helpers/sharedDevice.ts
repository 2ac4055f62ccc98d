/**
 * Devices that outlive the command: imported before one runs, each adapter gives this process one device for each
 * descriptor, whose pipelines stay. On a processor most of a small run is spent on compiling the texts of the run before
 * it. That a device ends with its run is what the tests of spawned commands and of `dispose` see.
 */

import { globals } from 'webgpu';
import { atEnd } from './suite.js';

const { GPU, GPUAdapter } = globals as unknown as {
  readonly GPU: { readonly prototype: GPU };
  readonly GPUAdapter: { readonly prototype: GPUAdapter };
};
const { requestAdapter } = GPU.prototype;
const { requestDevice } = GPUAdapter.prototype;
const devices = new Map<string, Promise<GPUDevice>>();
/** What a device and Dawn's own cache of pipelines live on. */
const held: unknown[] = [];

GPU.prototype.requestAdapter = function (...given) {
  held.push(this);
  return requestAdapter.apply(this, given);
};

GPUAdapter.prototype.requestDevice = function (descriptor) {
  const { vendor, architecture, device, description } = this.info;
  const key = JSON.stringify([vendor, architecture, device, description, descriptor]);
  const opened = devices.get(key) ?? requestDevice.call(this, descriptor).then(shared => lasting(this, shared));
  devices.set(key, opened);
  return opened;
};

function lasting(adapter: GPUAdapter, device: GPUDevice): GPUDevice {
  const compile = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = async descriptor => {
    const pipeline = await compile(descriptor);
    held.push(pipeline);
    return pipeline;
  };
  device.destroy = () => undefined;
  held.push(adapter);
  return device;
}

atEnd(async () => {
  for (const opened of devices.values()) {
    const device = await opened;
    Reflect.deleteProperty(device, 'destroy');
    device.destroy();
  }
});
