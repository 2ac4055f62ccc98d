// The factor matrices of CP models on scattered points: those of a model stand one after the other, the rows of one
// axis after those of another, each a row a point.
//
// The kernel that imports this file has the binding factor and in its Problem: points, factor, the first quad of F_1,
// and factorStride, the quads from row to row.
//# import shared/quads.wgsl

const AXES = 2u;

/// The quad of F_axis[point] that holds `column`.
fn factorAt(p: Problem, axis: u32, point: u32, column: u32) -> vec4f {
  return factor[p.factor + (axis * p.points + point) * p.factorStride + column / 4u];
}
