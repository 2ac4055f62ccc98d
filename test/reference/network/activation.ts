/** The activations of factor networks and their derivatives, as functions of z in a(omega z). */
export const activationNames = ['sine', 'cosine', 'relu', 'leaky-relu', 'tanh'] as const;
export type ActivationName = (typeof activationNames)[number];
/** Those, and one that the package does not ship: exp(-(omega z)^2 / 2). */
export type TwinActivation = ActivationName | 'gaussian';

export function activation(name: TwinActivation, omega: number, z: number): number {
  const x = omega * z;
  switch (name) {
    case 'sine':
      return Math.sin(x);
    case 'cosine':
      return Math.cos(x);
    case 'relu':
      return Math.max(0, x);
    case 'leaky-relu':
      return x > 0 ? x : 0.01 * x;
    case 'tanh':
      return Math.tanh(x);
    case 'gaussian':
      return Math.exp((-x * x) / 2);
  }
}

/** d a(omega z) / dz; that of ReLU at 0 is 0, as in PyTorch. */
export function slope(name: TwinActivation, omega: number, z: number): number {
  const x = omega * z;
  switch (name) {
    case 'sine':
      return omega * Math.cos(x);
    case 'cosine':
      return -omega * Math.sin(x);
    case 'relu':
      return x > 0 ? omega : 0;
    case 'leaky-relu':
      return x > 0 ? omega : 0.01 * omega;
    case 'tanh':
      return omega * (1 - Math.tanh(x) ** 2);
    case 'gaussian':
      return -omega * x * Math.exp((-x * x) / 2);
  }
}
