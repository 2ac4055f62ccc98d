/** `sepnn surface` as a user runs it: a mesh or a volume in, a model of its occupancy and the surface of that model out. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SurfaceReport } from '../../src/cli/surface/fit.js';
import { addSurfaceOptions, type SurfaceOptions } from '../../src/cli/surface/options.js';
import { Command } from '../../src/cli/vendor.js';
import { intersectionOverUnion } from '../../src/experiments/occupancy.js';
import { openEdges } from '../../src/geometry/edges.js';
import { marchingCubes } from '../../src/geometry/marchingCubes.js';
import { placed } from '../../src/geometry/mesh.js';
import { voxelise } from '../../src/geometry/voxelise.js';
import { encodeMesh, type MeshFormat, readMesh } from '../../src/io/mesh/meshFile.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { writeNpy } from '../../src/io/npy.js';
import { evaluate } from '../../src/model/evaluate.js';
import {
  adapter,
  folder,
  type Refusal,
  requireRefused,
  requireUnwritten,
  root,
  sepnn,
  spawnedSepnn,
} from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';
import { solidVolume } from '../reference/host/solid.js';

const test = suite('surfaces');
const small = ['--rank', '8', '--width', '12', '--steps', '40', '--report-every', '20', '--top-k', '4', ...adapter];

/** An egg, pointed along z, away from the origin, as a file. */
function egg(name: string, format: MeshFormat): string {
  const n = 20;
  const field = Float32Array.from({ length: n ** 3 }, (_, at) => {
    const [x, y, z] = [Math.floor(at / n / n), Math.floor(at / n) % n, at % n].map(i => (2 * i) / (n - 1) - 1);
    return 0.8 - Math.hypot(1.5 * x, 1.5 * y * (1 + 0.3 * z), z);
  });
  const path = join(folder, name);
  writeFileSync(path, encodeMesh(placed(marchingCubes(field, [n, n, n], 0), [10, -5, 3], 0.25), format));
  return path;
}

async function volume(name: string, shape: readonly number[], isInside: (at: number) => boolean): Promise<string> {
  const path = join(folder, name);
  const numbers = Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => (isInside(at) ? 1 : 0));
  await writeNpy(path, shape, put => put(0, numbers), 'uint8');
  return path;
}

test('surface --compare --json prints one object with everything in it, and what it names is what the model gives', async () => {
  const mesh = egg('egg.ply', 'ply');
  const { code, stdout, stderr } = await sepnn(
    ...['surface', mesh, '--size', '12x14x18', ...small, '--loss', 'squares', '--compare', '--json', '--out', 'first'],
  );
  requireEqual('exit', [code, stderr], [0, '']);
  const report = JSON.parse(stdout) as SurfaceReport;
  requireEqual('grid', report.grid.shape, [12, 14, 18]);
  requireEqual('settings', [report.settings.omega, report.settings.loss], [10, 'squared-error']);
  requireEqual(
    'runs',
    report.runs.map(run => run.preconditioner),
    ['none', 'seppgd'],
  );
  for (const { curve, losses, iou, loss } of report.runs) {
    requireEqual(
      'steps',
      curve.map(([step]) => step),
      [0, 20, 40],
    );
    requireEqual('last', [curve[2][1], losses[2][1]], [iou, loss]);
    require(`it learnt: ${curve}`, iou > 0.5 && iou <= 1 && iou > curve[0][1]);
  }
  const inside = voxelise(await readMesh(mesh, 'ply'), report.grid);
  requireEqual(
    'inside',
    report.inside,
    inside.reduce((sum, one) => sum + one, 0),
  );
  const { model, state } = await readModel(join(folder, report.files.model));
  const output = await evaluate(engine, model, state.parameters);
  requireClose('IoU of the model', [intersectionOverUnion(output, inside, 0.5)], [report.runs[1].iou], {});
  const again = await readMesh(join(folder, report.files.mesh), 'ply');
  requireEqual('the mesh is closed', openEdges(again).length, 0);
  const voxels = solidVolume(again.positions, again.triangles) / report.grid.spacing ** 3;
  const above = output.filter(value => value > 0.5).length;
  requireClose('its volume is about that of the points inside, where the egg lies', [voxels], [above], {
    relative: 0.2,
  });
  requireClose('and its points are those', [intersectionOverUnion(output, voxelise(again, report.grid), 0.5)], [1], {});
  const { width = 0, height } = await sharp(join(folder, report.files.picture)).metadata();
  requireEqual('three pictures beside each other', [(width - 8) % 3, height], [0, 512]);
  for (const plot of [report.files.curves, report.files.losses]) {
    const svg = readFileSync(join(folder, plot), 'utf8');
    require(plot, svg.startsWith('<svg') && svg.includes('plain') && svg.includes('SepPGD'));
  }
  requireEqual('metrics', JSON.parse(readFileSync(join(folder, report.files.metrics), 'utf8')), report);
  requireEqual('nothing half-written', readdirSync(join(folder, 'first')).length, 6);
}, 240);

test('surface of a volume: a Tucker model learns it by cross-entropy, and its surface is written as STL', async () => {
  const shape = [10, 9, 11];
  const path = await volume('box.npy', shape, at => {
    const point = [Math.floor(at / 99), Math.floor(at / 11) % 9, at % 11];
    return point.every((x, axis) => x >= 2 && x < shape[axis] - 3);
  });
  const options = ['--model', 'tucker', '--rank', '4,5,6', '--omega', '6', '--loss', 'cross-entropy', '--json'];
  const { code, stdout, stderr } = await sepnn(
    'surface',
    path,
    ...small,
    ...options,
    '--format',
    'stl',
    '--out',
    'box',
  );
  requireEqual('exit', [code, stderr], [0, '']);
  const { runs, files, settings } = JSON.parse(stdout) as SurfaceReport;
  requireEqual('loss', settings.loss, 'bce-with-logits');
  require(`IoU ${runs[0].curve}`, runs[0].iou > 0.7);
  const [[, first], , [, last]] = runs[0].losses;
  requireClose('loss at first, when every logit is about 0', [first], [990 * Math.log(2)], { relative: 0.05 });
  require(`loss at last ${last}`, last < first / 20);
  const surface = await readMesh(join(folder, files.mesh), 'stl');
  require('its surface', solidVolume(surface.positions, surface.triangles) > 0);
}, 240);

test("the readme's sample runs, prints a table and paths, and shows the IoU on stderr", async () => {
  const sample =
    /npx sepnn (surface \S+\.stl.*?)(?:\s+#.*)?$/m.exec(readFileSync(`${root}README.md`, 'utf8'))?.[1] ?? '';
  const [, file, ...options] = sample.split(/\s+/);
  egg(file, 'stl');
  const { code, stdout, stderr } = await spawnedSepnn('surface', file, ...options, ...small, '--size', '12');
  requireEqual('exit', code, 0);
  for (const part of ['plain', 'SepPGD', 'IoU', 'points inside', 'surfaces.png', 'model.safetensors']) {
    require(`"${part}" is missing in ${stdout}`, stdout.includes(part));
  }
  require(`stderr: ${stderr}`, /step 40\/40 \| IoU [\d.]+ \|/.test(stderr));
}, 240);

test('surface --loss takes the words of before too: squares is squared-error, cross-entropy is bce-with-logits', () => {
  const lossOf = (...words: string[]) => {
    const command = addSurfaceOptions(new Command()).parse(words, { from: 'user' });
    return command.opts<SurfaceOptions>().loss;
  };
  requireEqual('by default', lossOf(), 'squared-error');
  const said = ['squared-error', 'bce-with-logits', 'squares', 'cross-entropy'].map(word => lossOf('--loss', word));
  requireEqual('said', said, ['squared-error', 'bce-with-logits', 'squared-error', 'bce-with-logits']);
});

test('bad meshes, volumes and options end with exit 2 and one line with the reason, and write nothing', async () => {
  const mesh = egg('good.obj', 'obj');
  const text = readFileSync(mesh, 'utf8');
  const write = (name: string, data: string) => {
    writeFileSync(join(folder, name), data);
    return name;
  };
  const open = write('open.obj', text.replace(/^f .*\n/m, ''));
  const nan = write('nan.obj', text.replace(/^v \S+/m, 'v nan'));
  const array = await volume('flat.npy', [4, 4], () => true);
  const none = await volume('none.npy', [4, 4, 4], () => false);
  const thin = await volume('thin.npy', [4, 1, 4], () => true);
  const good = await volume('good.npy', [4, 4, 4], () => true);
  const cases: Refusal[] = [
    [['missing.obj'], /mesh missing\.obj: cannot be read \(there is no such file/],
    [[write('mesh.gltf', '{}')], /mesh\.gltf: is of no known kind: give an \.obj, \.ply, \.stl or \.npy file/],
    [[open], /mesh open\.obj: has holes: 3 edges belong to one face alone, around one hole, at \(/],
    [[nan], /mesh nan\.obj: vertex \d+, from 0, is at \(NaN, /],
    [[write('empty.ply', '')], /mesh empty\.ply: is empty/],
    [[write('text.stl', 'x')], /mesh text\.stl: has 1 bytes, too few for a header/],
    [[array], /volume .*flat\.npy: has 2 axes, of \(4, 4\): a volume has 3/],
    [[none], /none\.npy: none of 4 x 4 x 4 points lies inside/],
    [[thin], /thin\.npy: has 4 x 1 x 4 points: use one of 2 x 2 x 2 or more/],
    [[good, '--size', '8'], /--size 8: a volume has a grid of its own: leave it out/],
    [[good, '--margin', '2'], /--margin 2: a volume has a grid of its own: leave it out/],
    [[mesh, '--size', '8x8'], /--size 8x8: use N or AxBxC, whole numbers from 2 to 16384/],
    [[mesh, '--size', '16384'], /--size 16384: \d+ x \d+ x 16384 are \d+ points, above 1073741824: use fewer/],
    [
      [mesh, '--rank', '60000', '--width', '60000'],
      /: the parameters take \d+ bytes, and the adapter binds at most \d+: use less/,
    ],
    [[mesh, '--size', '6', '--margin', '3'], /--size 6: the margins take 6 points of each side: use more, or --margin/],
    [[mesh, '--size', '12', '--top-k', '13'], /--top-k 13: the shortest axis has \d+ points/],
    [[mesh, '--model', 'tt', '--rank', '3,4,5'], /--rank 3,4,5: 3 numbers for --model tensor-train: give one, or 2/],
    [[good, '--interleave', '2,2,5'], /--interleave 2,2,5: axis 2 has 4 points: use 1 to 4$/m],
    [[mesh, '--loss', 'hinge'], /--loss hinge: use squared-error, bce-with-logits/],
    [[mesh, '--format', 'gltf'], /--format gltf: use ply, obj, stl/],
    [[mesh, '--up', 'w'], /--up w: use x, y, z/],
    [[mesh, '--margin', '-1'], /--margin -1: use a whole number from 0/],
    [[], /missing required argument 'file'/],
  ];
  await requireRefused(cases, args => sepnn('surface', ...adapter, '--out', 'refused', ...args));
  requireUnwritten('refused');
});
