// A column of the Householder tridiagonalisation of each symmetric matrix of a batch: see kernels/eigen/householder.wgsl
// and kernels/eigen/trailingUpdate.wgsl.

struct Problem {
  size: u32,
  column: u32,         // k, from 0 to size - 2
  matrix: u32,         // first quad of A; quads from row to row, the same for reflectors and partial
  stride: u32,
  reflectors: u32,
  partial: u32,
  pending: u32,        // first quad of w
  tridiagonal: u32,    // first number of d, and from there to e
  tridiagonalStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;

const WORKGROUP = 64u;
const BAND = 32u;      // rows of A in a share of y
