/** Which schedule a product gets, on devices of every kind. */

import type { Device } from '../../src/device/device.js';
import { candidates, chooseSchedule } from '../../src/schedule/table.js';
import { require, requireEqual } from '../helpers/compare.js';
import { randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('schedules');

const kinds: Readonly<Record<string, { cpu: boolean; subgroupSize?: number }>> = {
  'a GPU': { cpu: false, subgroupSize: 32 },
  'a GPU whose subgroups are of several sizes': { cpu: false },
  SwiftShader: { cpu: true, subgroupSize: 4 },
  lavapipe: { cpu: true, subgroupSize: 8 },
  'a CPU adapter without subgroups': { cpu: true },
  'a CPU adapter with subgroups of 16': { cpu: true, subgroupSize: 16 },
  'a CPU adapter with subgroups of 32': { cpu: true, subgroupSize: 32 },
};

function deviceOf(kind: string): Device {
  return { ...kinds[kind], tuning: new Map<string, string>() } as unknown as Device;
}

function choose(kind: string, rows: number, columns: number, inner: number): string {
  return chooseSchedule(deviceOf(kind), 'key', [{ rows, columns, inner }]).id;
}

for (const kind of Object.keys(kinds)) {
  test(`${kind}: every shape gets a schedule within the default limits, with subgroups only where they fit`, () => {
    for (let i = 0; i < 300; i++) {
      const [rows, columns, inner] = [0, 1, 2].map(() => randomInteger(1, 2 ** randomInteger(0, 11)));
      const { text, constants, invocations } = chooseSchedule(deviceOf(kind), 'key', [{ rows, columns, inner }]);
      require(`${rows} x ${columns}: ${invocations} invocations`, invocations <= 256);
      const { name } = text;
      const lanes = name === 'quad' ? 4 : name === 'subgroup' ? constants.SUBGROUP : undefined;
      if (lanes !== undefined)
        requireEqual(`lanes of ${name}`, [lanes, invocations], Array(2).fill(kinds[kind].subgroupSize));
      require('a GPU with a schedule of a CPU', kinds[kind].cpu || lanes === undefined);
    }
  });
}

test('shapes that leave a wide tile idle get a narrow one, and small products the one that compiles fast', () => {
  requireEqual('two columns', choose('SwiftShader', 150, 2, 128), 'register 4x1 1x1');
  requireEqual('three rows', choose('lavapipe', 3, 200, 128), 'register 1x4 1x1');
  requireEqual('ten rows', choose('SwiftShader', 10, 512, 512), 'quad 1x1');
  requireEqual('large', choose('SwiftShader', 256, 256, 256), 'quad 2x2');
  requireEqual('larger', choose('SwiftShader', 400, 400, 400), 'quad 2x4');
  requireEqual('largest', choose('SwiftShader', 512, 512, 512), 'quad 2x4 by 2');
  requireEqual('small', choose('SwiftShader', 40, 40, 40), 'quad 1x1');
  requireEqual('square', choose('lavapipe', 512, 512, 512), 'subgroup 8 8x1');
  requireEqual('ten shared rows', choose('lavapipe', 10, 512, 512), 'subgroup 8 3x1');
  requireEqual('ten shared columns', choose('lavapipe', 512, 10, 512), 'subgroup 8 3x1 mirrored');
  requireEqual('16 lanes', choose('a CPU adapter with subgroups of 16', 512, 512, 512), 'subgroup 16 8x1');
  requireEqual('tiles of one height', choose('lavapipe', 70, 512, 512), 'subgroup 8 6x1');
  requireEqual('narrow on a GPU', choose('a GPU', 512, 10, 512), 'register 8x8 1x1');
  requireEqual('wide on a GPU', choose('a GPU', 1024, 1024, 1024), 'workgroup 2');
  requireEqual('too few tiles for a GPU', choose('a GPU', 128, 150, 150), 'workgroup 1');
});

test('what a tuner found goes before the table, unless this device does not have it', () => {
  const device = deviceOf('lavapipe');
  const problems = [{ rows: 512, columns: 512, inner: 512 }];
  const [first] = candidates(device);
  device.tuning.set('mine', first.id).set('foreign', 'quad 2x2');
  requireEqual('tuned', chooseSchedule(device, 'mine', problems).id, first.id);
  const table = chooseSchedule(device, 'unknown', problems).id;
  requireEqual('foreign', chooseSchedule(device, 'foreign', problems).id, table);
});
