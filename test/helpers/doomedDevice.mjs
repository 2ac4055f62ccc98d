/**
 * For a process that is to lose its device: imported before a program, it destroys the first device that is opened
 * SEPNN_TEST_DEVICE_LIVES milliseconds later, or so long after the file SEPNN_TEST_DEVICE_UNTIL is there.
 */

import { existsSync } from 'node:fs';
import { globals } from 'webgpu';

const { SEPNN_TEST_DEVICE_LIVES: lives, SEPNN_TEST_DEVICE_UNTIL: file } = process.env;
const { prototype } = globals.GPUAdapter;
const { requestDevice } = prototype;
let doomed = false;
prototype.requestDevice = async function (...given) {
  const device = await requestDevice.apply(this, given);
  if (doomed) return device;
  doomed = true;
  const waiting = setInterval(() => {
    if (file && !existsSync(file)) return;
    clearInterval(waiting);
    setTimeout(() => device.destroy(), Number(lives)).unref();
  }, 1).unref();
  return device;
};
