/**
 * For a process that is to lose its device: imported before a program, it destroys each of the first
 * SEPNN_TEST_DOOMED_DEVICES devices SEPNN_TEST_DEVICE_LIVES milliseconds after it is opened, or so long after the file
 * SEPNN_TEST_DEVICE_UNTIL is there and holds the text SEPNN_TEST_DEVICE_HOLDS.
 */

import { existsSync, readFileSync } from 'node:fs';
import { globals } from 'webgpu';

const { SEPNN_TEST_DOOMED_DEVICES: count, SEPNN_TEST_DEVICE_LIVES: lives } = process.env;
const { SEPNN_TEST_DEVICE_UNTIL: file, SEPNN_TEST_DEVICE_HOLDS: text } = process.env;
const { prototype } = globals.GPUAdapter;
const { requestDevice } = prototype;
let doomed = 0;
prototype.requestDevice = async function (...given) {
  const device = await requestDevice.apply(this, given);
  if (doomed === Number(count)) return device;
  doomed++;
  const waiting = setInterval(() => {
    if (file && !existsSync(file)) return;
    if (file && text && !readFileSync(file).includes(text)) return;
    clearInterval(waiting);
    setTimeout(() => device.destroy(), Number(lives)).unref();
  }, 1).unref();
  return device;
};
