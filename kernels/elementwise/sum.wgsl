// Sums of consecutive stretches of a matrix's numbers, in the same order on every run: workgroup i adds `stretch`
// numbers from number i * stretch on (the last fewer) and writes result[i]. A second dispatch over the results ends it.
//# import shared/workgroupSum.wgsl

struct Settings {
  rows: u32,
  columns: u32,
  inputStride: u32,   // numbers from row to row
  stretch: u32,       // numbers per workgroup
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> input: array<f32>;               // (rows, columns)
@group(0) @binding(2) var<storage, read_write> result: array<f32>;        // (workgroups)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = group.x * settings.stretch;
  let end = min(start + settings.stretch, settings.rows * settings.columns);
  var sum = 0.0;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    sum += input[i / settings.columns * settings.inputStride + i % settings.columns];
  }
  sum = workgroupSum(lane, sum);
  if (lane == 0u) { result[group.x] = sum; }
}
