/** The options of `sepnn fit`. */

import { InputError } from '../../errors.js';
import type { SizeOption } from '../../experiments/image/size.js';
import { relu, sine } from '../../model/activation.js';
import { counted, mostPoints, oneOf, real, size, valueOption, whole } from '../options.js';
import { beside, type Needs } from '../training/needs.js';
import { addTrainingOptions, type TrainingOptions, trainingNeeds } from '../training/options.js';
import type { Command, Option } from '../vendor.js';

/** Colour channels as models apart, or as outputs of one model. */
const channelSharings = ['apart', 'shared'] as const;
const decoderActivations = [relu.name, sine.name];

const presets = ['paper'] as const;

/** How an image is read and modelled. */
export interface ImageModelOptions {
  readonly size?: SizeOption;
  readonly gray: boolean;
  readonly channels: (typeof channelSharings)[number];
  /** Behind a transparent image: a colour of CSS. */
  readonly background: string;
}

export interface FitOptions extends TrainingOptions, ImageModelOptions {
  readonly mask?: number;
  /** The share of what is left that tells the best state, which is kept. */
  readonly validate?: number;
  /** Steps without a better state of the validation after which a run ends. */
  readonly patience?: number;
  readonly noise?: number;
  /** `paper`: all that it chose, where nothing else was typed. */
  readonly preset?: (typeof presets)[number];
  /** PSNR in dB at which a run ends. */
  readonly quality?: number;
  /** That a run takes: they choose its steps. */
  readonly seconds?: number;
  /** The most that the model may have: they choose its sizes. */
  readonly parameters?: number;
}

/** What may be left to the table. */
export const chosenNames = [
  ...(['rank', 'width', 'depth', 'series', 'decoder', 'decoderActivation', 'channels'] as const),
  ...(['preconditioner', 'combine', 'topK', 'optimiser', 'learningRate'] as const),
  ...(['schedule', 'warmUp', 'momentum', 'rest', 'restRate', 'interleave', 'steps'] as const),
];
type LaterName = Exclude<(typeof chosenNames)[number], 'depth' | 'channels' | 'preconditioner'>;

/** As they are read: what nobody typed is not there yet, but for what has a default of its own. */
export type AskedOptions = Omit<FitOptions, LaterName> & Partial<Pick<FitOptions, LaterName>>;

export function addImageOptions(command: Command): Command {
  return command
    .addOption(
      valueOption(
        '--size <N|WxH>',
        "resize the image first: N is its longer side, WxH is taken as it is (default: the image's own size)",
        size('--size', mostPoints),
      ),
    )
    .option('--gray', 'fit the luma alone, as of a file that has nothing else', false)
    .option('--background <colour>', 'of CSS, behind what is transparent in the image', 'white')
    .addOption(
      valueOption(
        '--channels <how>',
        'apart, or shared: one cp model with a trained mixing matrix, or a decoder (default: apart; with a decoder shared)',
        oneOf('--channels', channelSharings),
      ),
    )
    .addOption(
      valueOption(
        '--decoder <H>',
        'a small network with H hidden units makes the pixel of the products of the cp model',
        whole('--decoder', 1, 4096),
      ),
    )
    .addOption(
      valueOption(
        '--decoder-activation <name>',
        `of the decoder: ${decoderActivations.join(' or ')} (default: ${decoderActivations[0]})`,
        oneOf('--decoder-activation', decoderActivations),
      ),
    )
    .hook('preAction', given => {
      const { channels, decoder } = given.opts<Partial<FitOptions>>();
      if (channels === undefined) given.setOptionValue('channels', decoder === undefined ? 'apart' : 'shared');
    });
}

export function presetOption(): Option {
  return valueOption('--preset <name>', 'paper: all that the paper chose for its Table 2', oneOf('--preset', presets));
}

/** @param what of the model they choose. */
export function parametersOption(what: string): Option {
  return valueOption(
    '--parameters <N>',
    `choose ${what} as large as so many allow: 200k, 1.5M`,
    counted('--parameters', 1, 1e9),
  );
}

export function addFitOptions(command: Command): Command {
  addImageOptions(command)
    .addOption(presetOption())
    .addOption(
      valueOption(
        '--quality <dB>',
        'end once the PSNR is there, of the validation if there is one; chooses --steps, unless --seconds does',
        real('--quality', 0, 300, true),
      ),
    )
    .addOption(
      valueOption(
        '--seconds <S>',
        'choose as many steps as take so long here, after what --tune measures first',
        real('--seconds', 0, 1e7, true),
      ),
    )
    .addOption(parametersOption('a decoder on Fourier series, or the rank and width of what is typed,'))
    .addOption(valueOption('--mask <fraction>', 'hold out this share of the pixels', real('--mask', 0, 0.99, true)))
    .addOption(
      valueOption(
        '--validate <fraction>',
        'take this share of what is left out of the training, and keep the state that is best on it',
        real('--validate', 0, 0.99, true),
      ),
    )
    .addOption(
      valueOption(
        '--patience <N>',
        'with --validate: steps without a better state after which the run ends (default: a quarter of --steps)',
        whole('--patience', 1, 1e7),
      ),
    )
    .addOption(valueOption('--noise <sigma>', 'add normal noise to what is fitted', real('--noise', 0, 10, true)));
  command.hook('preAction', given => {
    const { validate, quality } = given.opts<AskedOptions>();
    if (validate === undefined && quality === undefined) return;
    if (given.getOptionValueSource('reportEvery') === 'default') given.setOptionValue('reportEvery', lookEvery);
  });
  return addTrainingOptions(command, {});
}

/** Steps from one report to the next where reports end runs: a run of few steps has its best among the first hundred. */
const lookEvery = 10;

/** Of those that decide what a run computes, and when it ends. */
export const fitNeeds: Needs<Partial<FitOptions>> = {
  ...trainingNeeds,
  patience: beside('validate', 'there is no validation to wait for: give --validate 0.05 too'),
};

/** @throws InputError steps of two sorts. */
export function requireEnds({ seconds, steps }: AskedOptions): void {
  if (seconds !== undefined && steps !== undefined) {
    throw new InputError(
      `--seconds ${seconds} with --steps ${steps}: the time chooses the steps: leave one of them out`,
    );
  }
}

/** @throws InputError a kind of model that has no decoder or no shared outputs. */
export function requireShareable({
  channels,
  model,
  decoder,
}: Pick<FitOptions, 'channels' | 'model' | 'decoder'>): void {
  if (decoder !== undefined && model !== 'cp') {
    throw new InputError(
      `--decoder ${decoder} with --model ${model}: only cp models have products to decode: use --model cp, or leave it out`,
    );
  }
  if (channels === 'apart' || model === 'cp') return;
  throw new InputError(
    `--channels shared with --model ${model}: only cp models share: use --model cp, or --channels apart`,
  );
}
