/**
 * For a process that is to lose its device: imported before a program, it destroys each of the first
 * SEPNN_TEST_DOOMED_DEVICES devices SEPNN_TEST_DEVICE_LIVES milliseconds after it is opened, or so long after the file
 * SEPNN_TEST_DEVICE_UNTIL is there.
 */

import { existsSync } from 'node:fs';
import { globals } from 'webgpu';

const { SEPNN_TEST_DOOMED_DEVICES: count, SEPNN_TEST_DEVICE_LIVES: lives, SEPNN_TEST_DEVICE_UNTIL: file } = process.env;
const { prototype } = globals.GPUAdapter;
const { requestDevice } = prototype;
let doomed = 0;
prototype.requestDevice = async function (...given) {
  const device = await requestDevice.apply(this, given);
  if (doomed === Number(count)) return device;
  doomed++;
  const waiting = setInterval(() => {
    if (file && !existsSync(file)) return;
    clearInterval(waiting);
    setTimeout(() => device.destroy(), Number(lives)).unref();
  }, 1).unref();
  return device;
};
