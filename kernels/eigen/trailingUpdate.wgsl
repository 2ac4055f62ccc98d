// Column k of the Householder tridiagonalisation of a batch, the part that passes over the matrix: the update that the
// column before left pending, and the product with the new reflector, in one pass.
//
//   A = A - u_{k-1} w^T - w u_{k-1}^T      partial[b] = share of the b-th band of rows in A u_k
//
// Rows and columns from k on; for k = 0, w is 0. A thread has four columns and a band of rows, so that what neighbours
// read is contiguous. Rows and columns added to a whole quad are zero in u and A, and stay so.
//# import shared/eigen/tridiagonalisation.wgsl

@group(0) @binding(1) var<storage, read> reflectors: array<vec4f>;           // u: (size, size)
@group(0) @binding(2) var<storage, read> pending: array<vec4f>;              // w: (size)
@group(0) @binding(3) var<storage, read_write> matrix: array<vec4f>;         // A: (size rounded up, size)
@group(0) @binding(4) var<storage, read_write> partial: array<vec4f>;        // (bands, size)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = problems[id.z];
  let k = p.column;
  let quads = (p.size + 3u) / 4u;
  let q = (k + 1u) / 4u + id.x;
  let band = (k + 1u) / BAND + id.y;
  if (k + 2u >= p.size || q >= quads || band * BAND >= p.size) { return; }
  let previous = p.reflectors + (max(k, 1u) - 1u) * p.stride;
  let own = p.reflectors + k * p.stride;
  let u = reflectors[previous + q];
  let w = pending[p.pending + q];
  var sum = vec4f();
  for (var r = max(band * BAND, k + 1u) / 4u; r < min((band + 1u) * BAND / 4u, quads); r++) {
    let us = reflectors[previous + r];
    let ws = pending[p.pending + r];
    let vs = reflectors[own + r];
    let at = p.matrix + 4u * r * p.stride + q;
    //# unroll
    for (var i = 0u; i < 4u; i++) {
      let row = matrix[at + i * p.stride] - (us[i] * w + ws[i] * u);
      matrix[at + i * p.stride] = row;
      sum = fma(vec4f(vs[i]), row, sum);
    }
  }
  partial[p.partial + band * p.stride + q] = sum;
}
