// The factor matrices of a CP model as operands of a contraction. A Khatri-Rao product is index arithmetic and products
// in registers, never memory.
//
// The kernel that imports this file has the binding factor and, in its Problem, axes: array<Axis, MOST_AXES>.
//# import shared/quads.wgsl

struct Axis {
  quad: u32,     // first quad of the axis's factor matrix
  stride: u32,   // quads from row to row
  points: u32,
}

const MOST_AXES = 7u;   // 6 coordinates, and the outputs of a shared model
const AXES = 2u;

/// Four rows of a factor matrix from `point` on (after the last row it repeats), the quad of them that holds `column`.
fn factorQuads(axis: Axis, point: u32, column: u32) -> mat4x4f {
  let at = fourAt(axis.quad + column / 4u, axis.stride, point, axis.points - 1u);
  return mat4x4f(factor[at.x], factor[at.y], factor[at.z], factor[at.w]);
}

/// One such quad of one row.
fn factorQuad(axis: Axis, point: u32, column: u32) -> vec4f {
  return factor[axis.quad + min(point, axis.points - 1u) * axis.stride + column / 4u];
}
