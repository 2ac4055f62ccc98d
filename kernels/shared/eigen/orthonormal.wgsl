// What the kernels of Gram-Schmidt share: the matrices, and what stands in for a row of which nothing is left.
//# import shared/quads.wgsl
//# import shared/finite.wgsl

struct Problem {
  rows: u32,
  columns: u32,
  matrix: u32,         // first quad of Q, quads from row to row
  stride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> matrix: array<vec4f>;     // Q: (rows, columns)

const MOST_TURNS = 6u;
const LEFT_OVER = 1e-3f;   // a row that was projected before and shrinks to this share lies in the span

/// +-1, fixed for each index and row (a multiplicative hash).
fn sign(index: u32, row: u32) -> f32 {
  var bits = ((index + 1u) * 0x9e3779b9u) ^ ((row + 1u) * 0x85ebca6bu);
  bits = (bits ^ (bits >> 15u)) * 0x2c1b3c6du;
  return select(-1.0, 1.0, (bits >> 31u) == 1u);
}

/// A quad of what replaces a row: signs, and zero for padding.
fn fresh(p: Problem, row: u32, q: u32) -> vec4f {
  let signs = vec4f(sign(4u * q, row), sign(4u * q + 1u, row), sign(4u * q + 2u, row), sign(4u * q + 3u, row));
  return select(vec4f(), signs, first(p.columns - 4u * q));
}

/// Zero in the padding of a row, which so counts as nothing.
fn clearPadding(p: Problem, row: u32) {
  let last = (p.columns - 1u) / 4u;
  let at = p.matrix + row * p.stride + last;
  matrix[at] = select(vec4f(), matrix[at], first(p.columns - 4u * last));
}
