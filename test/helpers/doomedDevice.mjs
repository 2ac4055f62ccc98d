/**
 * For a process that is to lose its device: imported before a program, it destroys the first device that is opened
 * SEPNN_TEST_DEVICE_LIVES milliseconds later.
 */

import { globals } from 'webgpu';

const { prototype } = globals.GPUAdapter;
const { requestDevice } = prototype;
let doomed = false;
prototype.requestDevice = async function (...given) {
  const device = await requestDevice.apply(this, given);
  if (!doomed) setTimeout(() => device.destroy(), Number(process.env.SEPNN_TEST_DEVICE_LIVES));
  doomed = true;
  return device;
};
