/** Streams of random numbers, which disturb neither each other nor the initial parameters: what a seed is taken with. */

export const noiseStream = 0x6e6f6973;
export const maskStream = 0x6d61736b;
export const validationStream = 0x76616c69;
export const testStream = 0x74657374;
export const frequencyStream = 0x666f7572;
export const placeStream = 0x706c6163;
