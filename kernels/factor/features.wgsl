// The input of a factor network's first layer, in homogeneous form, for a batch of networks.
//
//   without frequencies: (x, 1);  with: (cos 2 pi B_1 x .. cos 2 pi B_m x, sin 2 pi B_1 x .. sin 2 pi B_m x, 1)
//
// (Tancik et al. 2020, equation 5.) The trailing 1 carries the bias: see ARCHITECTURE.md. One thread a point.
//# import shared/sine.wgsl

struct Problem {
  rows: u32,           // points
  frequencies: u32,    // m, 0 for none
  coordinate: u32,     // first number of the coordinates; then of the result, and numbers from row to row
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> coordinate: array<f32>;          // (rows) of every problem
@group(0) @binding(2) var<storage, read> frequency: array<f32>;           // (m), shared by all problems
@group(0) @binding(3) var<storage, read_write> result: array<f32>;        // (rows, 2 or 2 m + 1) of every problem

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
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let row = group.x * WORKGROUP + lane;
  if (row >= p.rows) { return; }
  let x = coordinate[p.coordinate + row];
  let at = p.result + row * p.resultStride;
  if (p.frequencies == 0u) {
    result[at] = x;
    result[at + 1u] = 1.0;
    return;
  }
  for (var i = 0u; i < p.frequencies; i++) {
    let wave = sineCosine(TWO_PI * fractionOfProduct(frequency[i], x));
    result[at + i] = wave.y;
    result[at + p.frequencies + i] = wave.x;
  }
  result[at + 2u * p.frequencies] = 1.0;
}
