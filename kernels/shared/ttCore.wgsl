// A core of a tensor train (Oseledets 2011): row i of the factor matrix F_d is the matrix F_d[i], (R_{d-1}, R_d), r_{d-1}
// slow. Its rows need not begin at a quad, so it is read number by number.
//
// The kernel that imports this file has the binding core: array<f32>, and in its Problem: core, the first number of F_d,
// coreStride, numbers from row to row, coreSize, R_{d-1} R_d, and rank, R_d.
//# import shared/quads.wgsl

/// F_d[point, r, s .. s + 3]: from R_d on numbers that are stored, and no number of another point.
fn coreQuad(p: Problem, point: u32, r: u32, s: u32) -> vec4f {
  let at = fourAt(p.core + point * p.coreStride, 1u, r * p.rank + s, p.coreSize - 1u);
  return vec4f(core[at.x], core[at.y], core[at.z], core[at.w]);
}
