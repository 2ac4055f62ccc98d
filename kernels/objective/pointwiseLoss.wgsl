// The loss of a stored output Z against a target Y, and its cotangent G = dL/dZ.
//
//   Z and G (rows, columns), rows of whole quads; Y (rows, columns) in rows of any length; one partial sum of the loss
//   an invocation. One thread per quad.
//# import shared/lossAt.wgsl

struct Problem {
  rows: u32,
  columns: u32,
  input: u32,           // first quad of Z, quads from row to row; the same for G
  inputStride: u32,
  result: u32,
  resultStride: u32,
  targets: u32,         // first number of Y, numbers from row to row
  targetsStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;            // Z: (rows, columns)
@group(0) @binding(2) var<storage, read> targets: array<u32>;            // Y: (rows, columns), the bits of f32
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // G: (rows, columns)
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;         // a partial sum for each invocation

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let line = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let quads = (p.columns + 3u) / 4u;
  let row = line / quads;
  let column = 4u * (line % quads);
  if (row < p.rows) {
    let z = input[p.input + row * p.inputStride + column / 4u];
    var cotangent = vec4f();
    for (var i = 0u; i < min(4u, p.columns - column); i++) {
      cotangent[i] = cotangentAt(z[i], targets[p.targets + row * p.targetsStride + column + i]);
    }
    result[p.result + row * p.resultStride + column / 4u] = cotangent;
  }
  writeLoss(id.z * groups.x * groups.y * WORKGROUP + line);
}
