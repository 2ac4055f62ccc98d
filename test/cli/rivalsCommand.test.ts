/** `sepnn fit` with MLPs and with the rivals of SepPGD as a user runs it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { FitReport } from '../../src/cli/fit/command.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { adapter, folder, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('rivals: command');
const image = join(folder, 'rivals.png');
const pixels = Uint8Array.from({ length: 16 * 12 }, (_, i) => 128 + 90 * Math.sin((i % 16) / 2) * Math.cos(i / 50));
await sharp(pixels, { raw: { width: 16, height: 12, channels: 1 } }).toFile(image);

const small = ['--gray', '--width', '16', '--lr', '1e-3', '--report-every', '10', ...adapter];
/** A joint network has no ranks. */
const rankFor = (more: readonly string[]) => (more.includes('mlp') ? [] : ['--rank', '8']);
const fit = (out: string, ...more: string[]) =>
  sepnn('fit', image, ...small, ...rankFor(more), '--json', '--out', out, ...more);

test('fit --model mlp is plain by default; with iga --compare sets it beside plain, --resume goes on exactly, render draws it', async () => {
  const iga = ['--model', 'mlp', '--preconditioner', 'iga', '--group', '2,3', '--top-k', '6'];
  const plain = await fit('plain', '--model', 'mlp', '--steps', '10');
  requireEqual('plain', [plain.code, plain.stderr], [0, '']);
  const alone = JSON.parse(plain.stdout) as FitReport;
  requireEqual('its preconditioner', [alone.runs[0].preconditioner, alone.settings.preconditioner], ['none', 'none']);
  const { code, stdout, stderr } = await fit('whole', ...iga, '--steps', '40', '--compare');
  requireEqual('exit', [code, stderr], [0, '']);
  const { runs } = JSON.parse(stdout) as FitReport;
  requireEqual(
    'runs',
    runs.map(({ preconditioner }) => preconditioner),
    ['none', 'iga'],
  );
  requireEqual('k', [runs[1].topK.asked, runs[1].topK.chosen, runs[1].topK.used], [6, [6], 6]);
  for (const { curve } of runs) require(`${curve}`, curve[4][1] > curve[0][1] + 1);
  await fit('half', ...iga, '--steps', '20');
  const rest = await fit('rest', ...iga, '--steps', '40', '--resume', 'half/model.safetensors');
  requireEqual('rest', [rest.code, rest.stderr], [0, '']);
  const [there, here] = await Promise.all(
    ['whole', 'rest'].map(out => readModel(join(folder, out, 'model.safetensors'))),
  );
  requireClose('parameters', here.state.parameters, there.state.parameters, {});
  const drawn = await sepnn('render', 'rest/model.safetensors', '--size', '20x10', '--out', 'mlp.png', ...adapter);
  requireEqual('render', [drawn.code, existsSync(join(folder, 'mlp.png'))], [0, true]);
});

test('fit: a rival, a group or a k that does not fit is refused in one line with exit 2, and nothing is written', async () => {
  const cases: Refusal[] = [
    [
      ['--model', 'mlp', '--preconditioner', 'seppgd'],
      /seppgd with --model joint-network: it has no .*: use msk, iga or none/,
    ],
    [
      ['--model', 'mlp', '--rank', '20'],
      /--rank 20 with --model joint-network: only cp, tensor-train and tucker have ranks: leave one of them out/,
    ],
    [
      ['--model', 'mlp', '--compare'],
      /--compare with --model joint-network: say with what: --preconditioner msk or iga/,
    ],
    [
      ['--model', 'tt', '--preconditioner', 'msk'],
      /--preconditioner msk with --model tensor-train: is for cp and joint-network/,
    ],
    [['--preconditioner', 'newton'], /--preconditioner newton: use none, seppgd, msk, iga/],
    [['--preconditioner', 'msk', '--top-k', 'auto'], /--top-k auto with --preconditioner msk: only seppgd chooses/],
    [['--preconditioner', 'msk', '--top-k', '193'], /--top-k 193: the tangent kernel has 192 points: use 1 to 192/],
    [['--preconditioner', 'iga', '--group', '4', '--top-k', '13'], /--top-k 13: the tangent kernel has 12 points/],
    [['--preconditioner', 'iga', '--group', '13'], /--group 13: axis 0 has 12 points: use 1 to 12/],
    [['--preconditioner', 'iga', '--group', '2,2,2'], /--group 2,2,2: 3 numbers for 2 axes: give one, or one per axis/],
    [['--preconditioner', 'iga', '--group', '0'], /--group 0: use a whole number from 1/],
    [['--group', '2'], /--group 2 with --preconditioner seppgd: only iga has groups/],
    [['--preconditioner', 'iga', '--combine', 'product'], /--combine product with --preconditioner iga: only seppgd/],
    [['--preconditioner', 'msk', '--size', '1024'], /msk: a tangent kernel of 786432 points .*: use fewer, or iga/],
  ];
  await requireRefused(cases, args => fit('refused', ...args));
  requireUnwritten('refused');
});
