// One column of the Householder tridiagonalisation of each symmetric matrix of a batch (Golub and Van Loan, algorithm
// 8.3.1), the part that needs all of a column at once. H_k = 1 - u_k u_k^T, |u_k|^2 = 2, u_k zero up to its k-th element.
//
//   w_{k-1} = y - 1/2 (u_{k-1}^T y) u_{k-1},   y = A u_{k-1}, of which `partial` has the shares of bands of rows
//   x       = row k of A - u_{k-1} w_{k-1}^T - w_{k-1} u_{k-1}^T
//   d_k     = x_k;   u_k and e_k such that H_k brings what follows x_k to a multiple e_k of the first unit vector
//
// A is brought up to date by trailingUpdate.wgsl, one column late. A column whose end has a square below SMALLEST is
// taken as it is, u = 0: the largest |a_ij| is 1 or more. One workgroup per matrix.
//# import shared/eigen/tridiagonalisation.wgsl
//# import shared/workgroupSum.wgsl

@group(0) @binding(1) var<storage, read> matrix: array<vec4f>;               // A: (size rounded up, size), rows k on current but for u_{k-1}
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;              // (bands, size)
@group(0) @binding(3) var<storage, read_write> reflectors: array<vec4f>;     // u: (size, size)
@group(0) @binding(4) var<storage, read_write> pending: array<vec4f>;        // w_{k-1}: (size); 0 after the first column
@group(0) @binding(5) var<storage, read_write> tridiagonal: array<f32>;      // d and e: (2, size)

const SMALLEST = 1e-30f;

var<workgroup> head: f32;  // x_{k+1}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let k = p.column;
  if (k + 1u >= p.size) { return; }
  let quads = (p.size + 3u) / 4u;
  let start = k / 4u + lane;   // the quads before are zero in u_{k-1}; a thread keeps to its own quads
  let previous = p.reflectors + (max(k, 1u) - 1u) * p.stride;
  let own = p.reflectors + k * p.stride;
  var inner = 0.0;
  for (var q = start; q < quads; q += WORKGROUP) {
    var y = vec4f();
    if (k > 0u) {
      for (var band = k / BAND; band * BAND < p.size; band++) { y += partial[p.partial + band * p.stride + q]; }
      inner += dot(y, reflectors[previous + q]);
    }
    pending[p.pending + q] = y;
  }
  let half = 0.5 * workgroupSum(lane, inner);
  if (k > 0u) {
    for (var q = start; q < quads; q += WORKGROUP) {
      pending[p.pending + q] = fma(vec4f(-half), reflectors[previous + q], pending[p.pending + q]);
    }
  }
  storageBarrier();
  workgroupBarrier();
  let wk = pending[p.pending + k / 4u][k % 4u];
  var uk = 0.0;
  if (k > 0u) { uk = reflectors[previous + k / 4u][k % 4u]; }
  for (var q = lane; q < k / 4u; q += WORKGROUP) { reflectors[own + q] = vec4f(); }
  var squares = 0.0;
  for (var q = start; q < quads; q += WORKGROUP) {
    var x = matrix[p.matrix + k * p.stride + q];
    if (k > 0u) { x -= uk * pending[p.pending + q] + wk * reflectors[previous + q]; }
    if (q == k / 4u) { tridiagonal[p.tridiagonal + k] = x[k % 4u]; }
    if (q == (k + 1u) / 4u) { head = x[(k + 1u) % 4u]; }
    let behind = 4u * q + vec4u(0u, 1u, 2u, 3u);
    let end = select(vec4f(), x, (behind > vec4u(k)) & (behind < vec4u(p.size)));
    squares += dot(end, end);
    reflectors[own + q] = end;
  }
  let square = workgroupSum(lane, squares);
  let first = workgroupUniformLoad(&head);
  let last = p.size - 1u;
  let turned = k + 1u < last && square >= SMALLEST;
  let toward = select(-1.0, 1.0, first >= 0.0) * sqrt(square);
  let factor = select(0.0, 1.0 / sqrt(square + abs(first * toward)), turned);
  for (var q = start; q < quads; q += WORKGROUP) {
    var u = reflectors[own + q];
    if (q == (k + 1u) / 4u) { u[(k + 1u) % 4u] += toward; }
    reflectors[own + q] = select(vec4f(), factor * u, turned);
  }
  if (lane == 0u) {
    let off = p.tridiagonal + p.tridiagonalStride;
    tridiagonal[off + k] = select(first, -toward, turned);
    if (k + 1u == last) {
      var d = matrix[p.matrix + last * p.stride + last / 4u][last % 4u];
      if (k > 0u) { d -= 2.0 * reflectors[previous + last / 4u][last % 4u] * pending[p.pending + last / 4u][last % 4u]; }
      tridiagonal[p.tridiagonal + last] = d;
      tridiagonal[off + last] = 0.0;
    }
  }
}
