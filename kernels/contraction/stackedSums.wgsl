// What several matrices of one shape add up to, for a batch of such sums, each in a range of rows of a larger matrix of
// which the other rows become zero. The matrices of a sum stand one after the other. One thread per quad of the result.

struct Problem {
  rows: u32,           // of the result
  quads: u32,          // of a row
  start: u32,          // the range of rows, its end left out
  end: u32,
  count: u32,          // matrices of (end - start) rows; 0 for none
  input: u32,          // first quad of the first, quads from row to row
  inputStride: u32,
  result: u32,         // the same for the result
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;            // the matrices of every sum
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;     // (rows, quads) of every sum

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let row = at / p.quads;
  let quad = at % p.quads;
  if (row >= p.rows) { return; }
  var sum = vec4f();
  if (row >= p.start && row < p.end) {
    for (var i = 0u; i < p.count; i++) {
      sum += input[p.input + (i * (p.end - p.start) + row - p.start) * p.inputStride + quad];
    }
  }
  result[p.result + row * p.resultStride + quad] = sum;
}
