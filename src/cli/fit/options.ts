/** The options of `sepnn fit`. */

import { InputError } from '../../errors.js';
import type { SizeOption } from '../../experiments/image/size.js';
import { mostPoints, oneOf, real, size, valueOption } from '../options.js';
import { addTrainingOptions, type TrainingDefaults, type TrainingOptions } from '../training/options.js';
import type { Command } from '../vendor.js';

/** Colour channels as models apart, or as outputs of one model. */
const channelSharings = ['apart', 'shared'] as const;

export interface FitOptions extends TrainingOptions {
  readonly size?: SizeOption;
  readonly gray: boolean;
  readonly channels: (typeof channelSharings)[number];
  readonly mask?: number;
  readonly noise?: number;
  /** Behind a transparent image: a colour of CSS. */
  readonly background: string;
}

export const fitDefaults: TrainingDefaults = { rank: 150, width: 150, topK: 'auto', learningRate: 1e-4, steps: 1300 };

export function addFitOptions(command: Command): Command {
  command
    .addOption(
      valueOption(
        '--size <N|WxH>',
        "resize the image first: N is its longer side, WxH is taken as it is (default: the image's own size)",
        size('--size', mostPoints),
      ),
    )
    .option('--gray', 'fit the luma alone', false)
    .option('--background <colour>', 'of CSS, behind what is transparent in the image', 'white')
    .addOption(
      valueOption(
        '--channels <how>',
        'apart, or shared: one cp model with a trained mixing matrix',
        oneOf('--channels', channelSharings),
        'apart',
      ),
    )
    .addOption(valueOption('--mask <fraction>', 'hold out this share of the pixels', real('--mask', 0, 0.99, true)))
    .addOption(valueOption('--noise <sigma>', 'add normal noise to what is fitted', real('--noise', 0, 10, true)));
  return addTrainingOptions(command, fitDefaults);
}

/** @throws InputError a kind of model that has no shared outputs. */
export function requireShareable({ channels, model }: FitOptions): void {
  if (channels === 'apart' || model === 'cp') return;
  throw new InputError(
    `--channels shared with --model ${model}: only cp models share: use --model cp, or --channels apart`,
  );
}
