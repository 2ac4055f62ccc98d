// The input of a network's first layer, in homogeneous form, for a batch of networks. A point x has D coordinates.
//
//   without frequencies: (x_1 .. x_D, 1);  with: (cos 2 pi B_1 x .. cos 2 pi B_m x, sin 2 pi B_1 x .. sin 2 pi B_m x, 1)
//
// B_i x being the product of row i of B (m, D) with x (Tancik et al. 2020, equation 5). The trailing 1 carries the bias:
// see ARCHITECTURE.md. One thread per point.
//# import shared/sine.wgsl

struct Problem {
  rows: u32,           // points
  axes: u32,           // D
  frequencies: u32,    // m, 0 for none
  frequencyStride: u32,   // numbers from row to row of B
  coordinate: u32,     // first number of the coordinates, and numbers from row to row; the same for the result
  coordinateStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> coordinate: array<f32>;          // (rows, D) of every problem
@group(0) @binding(2) var<storage, read> frequency: array<f32>;           // B: (m, D), shared by all problems
@group(0) @binding(3) var<storage, read_write> result: array<f32>;        // (rows, D + 1 or 2 m + 1)

const WORKGROUP = 64u;
const TWO_PI = 6.283185307179586f;

/// The leading 12 bits of a number's significand: the product of two such is exact.
fn leading(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

/// a b less a whole number, from exact partial products (Dekker 1971): a b may be large, and a device need not fuse fma.
fn fractionOfProduct(a: f32, b: f32) -> f32 {
  let high = leading(a) * leading(b);
  let middle = leading(a) * (b - leading(b)) + (a - leading(a)) * leading(b);
  return high - round(high) + (middle + (a - leading(a)) * (b - leading(b)));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let row = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (row >= p.rows) { return; }
  let x = p.coordinate + row * p.coordinateStride;
  let at = p.result + row * p.resultStride;
  if (p.frequencies == 0u) {
    for (var d = 0u; d < p.axes; d++) {
      result[at + d] = coordinate[x + d];
    }
    result[at + p.axes] = 1.0;
    return;
  }
  for (var i = 0u; i < p.frequencies; i++) {
    var turns = 0.0;
    for (var d = 0u; d < p.axes; d++) {
      turns += fractionOfProduct(frequency[i * p.frequencyStride + d], coordinate[x + d]);
    }
    let wave = sineCosine(TWO_PI * turns);
    result[at + i] = wave.y;
    result[at + p.frequencies + i] = wave.x;
  }
  result[at + 2u * p.frequencies] = 1.0;
}
