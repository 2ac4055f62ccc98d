/** `sepnn render`: evaluates a saved model on any grid over [-1, 1]^D, or a solution over its own ranges, or on a part of one. */

import { dirname, extname } from 'node:path';
import { sizeOf } from '../../buffer/layout.js';
import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import { between, type Extent, extent } from '../../experiments/pde/slices.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { makeFolder, requireNoFolder, writeWhole } from '../../io/files.js';
import { blackPicture, channelsOf, encodePng, type Picture, paint, pictureOf } from '../../io/image/picture.js';
import { writeNpy } from '../../io/npy.js';
import type { Domain } from '../../model/domain/domain.js';
import { stretches, type Tile } from '../../model/tiles.js';
import type { Ending } from '../ending.js';
import { openQuietly } from '../engine.js';
import { adapterOption, list, matrixUnitsOption, valueOption } from '../options.js';
import { startTileProgress } from '../progress.js';
import { print, warn } from '../terminal.js';
import { adapterLine, fileLines } from '../training/session.js';
import { Command, Option } from '../vendor.js';
import { crop, gridSize, type Region, type RegionOptions, regionOf, slice } from './region.js';
import { readSource, type SolutionOptions, type Source } from './source.js';

interface RenderOptions extends RegionOptions, SolutionOptions {
  readonly out?: string;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly json: boolean;
}

export interface RenderReport {
  readonly adapter: AdapterReport;
  /** Points of each axis of what was written, row-major: rows and columns of a picture. */
  readonly shape: readonly number[];
  readonly channels: number;
  /** What the channels are, where they are fields of a differential equation. */
  readonly fields?: readonly string[];
  /** What is black and what is white in a picture of a field. */
  readonly range?: Extent;
  /** Evaluating and writing, the file's encoding included. */
  readonly seconds: number;
  readonly files: { readonly picture: string } | { readonly array: string };
}

/** A picture is held whole, a byte or two a channel, while it is encoded. */
const mostPixels = 8192 * 8192;
const mostNumbers = 2 ** 31;

export function renderCommand(ending: Ending): Command {
  return new Command('render')
    .description(
      'evaluate a saved model, or a solution of pde, on any grid: a picture (PNG), or an array (NPY) where it has not two axes',
    )
    .argument('<model>')
    .option('--out <file>', '.png or .npy (default: render.png for two axes, else render.npy)')
    .addOption(
      new Option(
        '--size <N|WxH|N,N,..>',
        "points of the grid over all of it, N a picture's longer side or all axes of else (default: the model's own)",
      ).argParser(gridSize),
    )
    .addOption(new Option('--crop <x0,y0,x1,y1>', 'only this part of that grid, the ends left out').argParser(crop))
    .addOption(
      new Option('--slice <axis=index>', 'only this index of an axis, both from 0; once for each such axis').argParser(
        slice,
      ),
    )
    .addOption(
      valueOption(
        '--fields <names>',
        'of a solution of pde, derivatives too, such as u,u_xx (default: all fields)',
        list('--fields', name => name),
      ),
    )
    .option('--problem <module>', 'of a solution of a problem of your own: the module that pde was given')
    .addOption(adapterOption())
    .addOption(matrixUnitsOption())
    .option('--json', 'print one JSON object and nothing else on stdout', false)
    .action((path: string, options: RenderOptions) => render(ending, path, options));
}

/** @throws InputError bad input, before the device is touched or anything written. */
async function render(ending: Ending, path: string, options: RenderOptions): Promise<void> {
  const source = await readSource(path, options);
  const region = regionOf(source, options);
  const out = outOf(options, region, source);
  requireWritableSize(out, region, source.channels);
  await requireNoFolder('--out', out);
  await ending.inSharedFolder('--out', dirname(out), async () => {
    if (region.changesAspect) warn(changedAspect(options, source.domain));
    await draw(source, region, out, options);
  });
}

async function draw(
  source: Source,
  region: Region,
  out: string,
  { adapter, matrixUnits, json }: RenderOptions,
): Promise<void> {
  const { channels, fields } = source;
  const engine = await openQuietly(adapter, matrixUnits);
  try {
    const start = performance.now();
    const write = isPicture(out) ? (fields ? renderField : renderPicture) : renderArray;
    const range = await write(engine, source, region, out, json);
    const report: RenderReport = {
      adapter: engine.adapter,
      shape: region.shape,
      channels,
      ...(fields && { fields }),
      ...(range && { range }),
      seconds: (performance.now() - start) / 1000,
      files: isPicture(out) ? { picture: out } : { array: out },
    };
    print(json ? JSON.stringify(report) : summary(report));
  } finally {
    await engine.dispose();
  }
}

function changedAspect({ size }: RenderOptions, { shape }: Domain): string {
  return `--size ${size?.text}: the model's own grid is ${shape[1]} x ${shape[0]}: its aspect changes (--size N keeps it)`;
}

function isPicture(out: string): boolean {
  return extname(out).toLowerCase() === '.png';
}

/** @throws InputError a file of neither kind, or a picture of what is none. */
function outOf({ out }: RenderOptions, { kept }: Region, { channels, fields }: Source): string {
  const drawable = kept.length === 2 && (channels === 1 || (channels === 3 && !fields));
  if (out === undefined) return drawable ? 'render.png' : 'render.npy';
  if (!['.png', '.npy'].includes(extname(out).toLowerCase())) {
    throw new InputError(`--out ${out}: is neither .png nor .npy: give a file of one of them`);
  }
  if (isPicture(out) && !drawable) {
    const got = kept.length === 2 ? (fields?.join(', ') ?? `${channels} channels`) : `${kept.length} axes`;
    const most = fields ? 'one field' : '1 or 3 channels';
    const remedy =
      kept.length > 2 ? 'give an .npy file, or --slice' : `give an .npy file${fields ? ', or --fields' : ''}`;
    throw new InputError(`--out ${out}: a picture has 2 axes and ${most}, and this has ${got}: ${remedy}`);
  }
  return out;
}

function channelsText(channels: number): string {
  return `${channels} channel${channels > 1 ? 's' : ''}`;
}

function requireWritableSize(out: string, { shape }: Region, channels: number): void {
  const points = sizeOf(shape);
  if (isPicture(out) ? points <= mostPixels : points * channels <= mostNumbers) return;
  const most = isPicture(out) ? `${mostPixels} pixels` : `${mostNumbers} numbers`;
  throw new InputError(
    `--out ${out}: ${shape.join(' x ')} points of ${channelsText(channels)} are more than ${most}: use a smaller --size, or --crop`,
  );
}

async function renderPicture(
  engine: Engine,
  source: Source,
  region: Region,
  out: string,
  quiet: boolean,
): Promise<undefined> {
  const [height, width] = region.shape;
  const picture = blackPicture(width, height, channelsOf(source.channels), source.bits);
  await eachTile(engine, source, region, quiet, async ({ start, shape, values }) => {
    paint(picture, values, { left: start[1], top: start[0], width: shape[1], height: shape[0] });
  });
  await writePicture(out, picture);
}

/** @returns the least and the greatest of the field, which are black and white. */
async function renderField(
  engine: Engine,
  source: Source,
  region: Region,
  out: string,
  quiet: boolean,
): Promise<Extent> {
  const [height, width] = region.shape;
  const whole = new Float32Array(height * width);
  await eachTile(engine, source, region, quiet, async tile => {
    for (const { from, to, length } of stretches(tile, region.shape, 1)) {
      whole.set(tile.values.subarray(from, from + length), to);
    }
  });
  const range = extent(whole);
  await writePicture(out, pictureOf(between(whole, range), width, height, source.bits));
  return range;
}

async function writePicture(out: string, picture: Picture): Promise<void> {
  const bytes = await encodePng(picture);
  await keepFolder(out);
  await writeWhole(out, bytes);
}

/** Another run that made the folder takes it away where it ends with nothing in it. */
async function keepFolder(out: string): Promise<void> {
  await makeFolder(dirname(out));
}

/** (channels, then the axes), without the channels where there is one. */
async function renderArray(
  engine: Engine,
  source: Source,
  region: Region,
  out: string,
  quiet: boolean,
): Promise<undefined> {
  const { channels } = source;
  await keepFolder(out);
  await writeNpy(out, channels === 1 ? region.shape : [channels, ...region.shape], put =>
    eachTile(engine, source, region, quiet, async tile => {
      for (const { from, to, length } of stretches(tile, region.shape, channels)) {
        await put(to, tile.values.subarray(from, from + length));
      }
    }),
  );
}

/** Every tile of the region, with the axes that are kept alone: those that are sliced have one point. */
async function eachTile(
  engine: Engine,
  source: Source,
  { domain, kept, shape }: Region,
  quiet: boolean,
  visit: (tile: Tile) => Promise<void>,
): Promise<void> {
  const progress = startTileProgress(sizeOf(shape), quiet);
  try {
    for await (const tile of source.tiles(engine, domain)) {
      const only = (numbers: readonly number[]) => kept.map(axis => numbers[axis]);
      await visit({ start: only(tile.start), shape: only(tile.shape), values: tile.values });
      progress.add(tile.values.length / source.channels);
    }
  } finally {
    progress.stop();
  }
}

function summary({ adapter, shape, channels, fields, range, seconds, files }: RenderReport): string {
  const size = shape.length === 2 ? `${shape[1]} x ${shape[0]}` : shape.join(' x ') || '1 point';
  const what = fields?.join(', ') ?? channelsText(channels);
  const head = `${adapterLine(adapter)}, ${size}, ${what}, ${seconds.toFixed(1)} s`;
  const scale = range ? [`black is ${range[0].toPrecision(4)}, white ${range[1].toPrecision(4)}`] : [];
  return [head, ...scale, ...fileLines(files)].join('\n');
}
