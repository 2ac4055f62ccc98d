// B = 2^-e A for each matrix of a batch, the power of two such that the largest |b_ij| is in [1, 2), so that squares of
// what matters neither overflow nor vanish.
//
//   A (size, size); B (size rounded up to whole quads, size), the rows added and the padding zero; scale 2^e, or NaN
//   where A holds a NaN or an infinity.
//
// One workgroup per matrix.
//# import shared/quads.wgsl
//# import shared/finite.wgsl

struct Problem {
  size: u32,
  matrix: u32,         // first quad of A, quads from row to row; the same for the result
  matrixStride: u32,
  result: u32,
  resultStride: u32,
  scale: u32,          // its number
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> matrix: array<vec4f>;           // A: (size, size)
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;     // B: (size rounded up, size)
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;        // one per problem

const WORKGROUP = 64u;
const SMALLEST = 0x00800000u;   // 2^-126

var<workgroup> largest: atomic<u32>;   // bits of the largest |a_ij|, which order as the numbers do

/// 2^exponent, for exponents from -126 to 127.
fn powerOfTwo(exponent: i32) -> f32 {
  return bitcast<f32>(u32(exponent + 127) << 23u);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let quads = (p.size + 3u) / 4u;
  var most = vec4u();
  for (var row = 0u; row < p.size; row++) {
    for (var q = lane; q < quads; q += WORKGROUP) {
      let kept = select(vec4f(), matrix[p.matrix + row * p.matrixStride + q], first(p.size - 4u * q));
      most = max(most, bitcast<vec4u>(kept) & vec4u(0x7fffffffu));
    }
  }
  atomicMax(&largest, max(max(most.x, most.y), max(most.z, most.w)));
  workgroupBarrier();
  let bits = atomicLoad(&largest);
  // Zero, and what a driver may take for zero, is left as it is.
  let exponent = select(min(i32(bits >> 23u) - 127, 126), 0, bits < SMALLEST);
  let factor = powerOfTwo(-exponent);
  for (var row = 0u; row < 4u * quads; row++) {
    for (var q = lane; q < quads; q += WORKGROUP) {
      var value = vec4f();
      if (row < p.size) {
        value = select(value, matrix[p.matrix + row * p.matrixStride + q], first(p.size - 4u * q));
      }
      result[p.result + row * p.resultStride + q] = factor * value;
    }
  }
  if (lane == 0u) { scale[p.scale] = select(powerOfTwo(exponent), bitcast<f32>(bits | 0x7fc00000u), bits >= INFINITE); }
}
