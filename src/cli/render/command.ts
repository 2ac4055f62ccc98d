/** `sepnn render`: evaluates a saved model on any grid over [-1, 1]^D, or on a part of one. */

import { extname } from 'node:path';
import { sizeOf } from '../../buffer/layout.js';
import type { AdapterKind } from '../../device/adapter.js';
import { InputError } from '../../errors.js';
import type { AdapterReport, Engine } from '../../graph/engine.js';
import { requireWritableFile, writeWhole } from '../../io/files.js';
import { blackPicture, channelsOf, encodePng, paint } from '../../io/image/picture.js';
import { bitsOf } from '../../io/image/sampling.js';
import { readModel, type SavedModel } from '../../io/model/modelFile.js';
import { writeNpy } from '../../io/npy.js';
import type { Domain } from '../../model/domain/domain.js';
import { evaluateTiles } from '../../model/evaluate.js';
import { planeCount } from '../../model/model.js';
import { stretches, type Tile } from '../../model/tiles.js';
import { openQuietly } from '../engine.js';
import { adapterOption } from '../options.js';
import { startTileProgress } from '../progress.js';
import { print, warn } from '../terminal.js';
import { adapterLine, fileLines } from '../training/session.js';
import { Command, Option } from '../vendor.js';
import { crop, gridSize, type Region, type RegionOptions, regionOf, slice } from './region.js';

interface RenderOptions extends RegionOptions {
  readonly out?: string;
  readonly adapter: AdapterKind | 'auto';
  readonly json: boolean;
}

export interface RenderReport {
  readonly adapter: AdapterReport;
  /** Points of each axis of what was written, row-major: rows and columns of a picture. */
  readonly shape: readonly number[];
  readonly channels: number;
  /** Evaluating and writing, the file's encoding included. */
  readonly seconds: number;
  readonly files: { readonly picture: string } | { readonly array: string };
}

/** A picture is held whole, a byte or two a channel, while it is encoded. */
const mostPixels = 8192 * 8192;
const mostNumbers = 2 ** 31;

export function renderCommand(): Command {
  return new Command('render')
    .description('evaluate a saved model on any grid: a picture (PNG), or an array (NPY) where it has not two axes')
    .argument('<model>')
    .option('--out <file>', '.png or .npy (default: render.png for two axes, else render.npy)')
    .addOption(
      new Option(
        '--size <N|WxH|N,N,..>',
        "points of the grid over [-1, 1], N a picture's longer side (default: the model's own)",
      ).argParser(gridSize),
    )
    .addOption(new Option('--crop <x0,y0,x1,y1>', 'only this part of that grid, the ends left out').argParser(crop))
    .addOption(
      new Option('--slice <axis=index>', 'only this index of an axis, both from 0; once for each such axis').argParser(
        slice,
      ),
    )
    .addOption(adapterOption())
    .option('--json', 'print one JSON object and nothing else on stdout', false)
    .action(render);
}

/** @throws InputError bad input, before the device is touched or anything written. */
async function render(path: string, options: RenderOptions): Promise<void> {
  const saved = await readModel(path);
  const region = regionOf(saved.model, options);
  const out = outOf(options, region, planeCount(saved.model));
  requireWritableSize(out, region, planeCount(saved.model));
  await requireWritableFile('--out', out);
  if (region.changesAspect) warn(changedAspect(options, saved.model.domain));
  const engine = await openQuietly(options.adapter);
  try {
    const start = performance.now();
    await (isPicture(out) ? renderPicture : renderArray)(engine, saved, region, out, options.json);
    const report: RenderReport = {
      adapter: engine.adapter,
      shape: region.shape,
      channels: planeCount(saved.model),
      seconds: (performance.now() - start) / 1000,
      files: isPicture(out) ? { picture: out } : { array: out },
    };
    print(options.json ? JSON.stringify(report) : summary(report));
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
function outOf({ out }: RenderOptions, { kept }: Region, channels: number): string {
  const drawable = kept.length === 2 && (channels === 1 || channels === 3);
  if (out === undefined) return drawable ? 'render.png' : 'render.npy';
  if (!['.png', '.npy'].includes(extname(out).toLowerCase())) {
    throw new InputError(`--out ${out}: is neither .png nor .npy: give a file of one of them`);
  }
  if (isPicture(out) && !drawable) {
    const got = kept.length === 2 ? `${channels} channels` : `${kept.length} axes`;
    const remedy = kept.length > 2 ? 'give an .npy file, or --slice' : 'give an .npy file';
    throw new InputError(`--out ${out}: a picture has 2 axes and 1 or 3 channels, and this has ${got}: ${remedy}`);
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
  saved: SavedModel,
  region: Region,
  out: string,
  quiet: boolean,
): Promise<void> {
  const [height, width] = region.shape;
  const picture = blackPicture(width, height, channelsOf(planeCount(saved.model)), bitsOf(saved.training));
  await eachTile(engine, saved, region, quiet, async ({ start, shape, values }) => {
    paint(picture, values, { left: start[1], top: start[0], width: shape[1], height: shape[0] });
  });
  await writeWhole(out, await encodePng(picture));
}

/** (channels, then the axes), without the channels where there is one. */
async function renderArray(
  engine: Engine,
  saved: SavedModel,
  region: Region,
  out: string,
  quiet: boolean,
): Promise<void> {
  const channels = planeCount(saved.model);
  await writeNpy(out, channels === 1 ? region.shape : [channels, ...region.shape], put =>
    eachTile(engine, saved, region, quiet, async tile => {
      for (const { from, to, length } of stretches(tile, region.shape, channels)) {
        await put(to, tile.values.subarray(from, from + length));
      }
    }),
  );
}

/** Every tile of the region, with the axes that are kept alone: those that are sliced have one point. */
async function eachTile(
  engine: Engine,
  { model, state }: SavedModel,
  { domain, kept, shape }: Region,
  quiet: boolean,
  visit: (tile: Tile) => Promise<void>,
): Promise<void> {
  const progress = startTileProgress(sizeOf(shape), quiet);
  try {
    for await (const tile of evaluateTiles(engine, model, state.parameters, domain)) {
      const only = (numbers: readonly number[]) => kept.map(axis => numbers[axis]);
      await visit({ start: only(tile.start), shape: only(tile.shape), values: tile.values });
      progress.add(tile.values.length / planeCount(model));
    }
  } finally {
    progress.stop();
  }
}

function summary({ adapter, shape, channels, seconds, files }: RenderReport): string {
  const size = shape.length === 2 ? `${shape[1]} x ${shape[0]}` : shape.join(' x ') || '1 point';
  const head = `${adapterLine(adapter)}, ${size}, ${channelsText(channels)}, ${seconds.toFixed(1)} s`;
  return [head, ...fileLines(files)].join('\n');
}
