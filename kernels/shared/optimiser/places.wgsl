// What a fleet keeps of each of its models, a quad of 32 bits a place:
//
//   COUNT  steps counted, from 1 in the first     MOVE  what the model does in the step under way
//   RATE   its learning rate, the bits of f32     DECAY its weight decay, the bits of f32: below 0 the optimiser's own

const COUNT = 0u;
const MOVE = 1u;
const RATE = 2u;
const DECAY = 3u;

const RESTS = 0u;    // it has ended, or the place is empty
const STEPS = 1u;
const RETURNS = 2u;  // its loss is not finite: back to the parameters from before the last step
