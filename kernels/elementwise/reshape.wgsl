// The numbers of tensors in row-major order, in rows of another length, for a batch of tensors, one a workgroup layer (z).
// What lies between the rows of the result is left as it is. One thread per number.

struct Problem {
  count: u32,          // numbers
  columns: u32,        // of a row of the input, first number, and numbers from row to row; the same for the result
  input: u32,
  inputStride: u32,
  resultColumns: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<u32>;               // (count), whatever the bits mean
@group(0) @binding(2) var<storage, read_write> result: array<u32>;        // (count)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= p.count) { return; }
  let number = input[p.input + i / p.columns * p.inputStride + i % p.columns];
  result[p.result + i / p.resultColumns * p.resultStride + i % p.resultColumns] = number;
}
