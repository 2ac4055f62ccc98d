// A device's copy bandwidth, measured: result <- input.
//
//   input and result (count) quads.

struct Settings {
  count: u32,      // quads
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;             // (count)
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;      // (count)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= settings.count) { return; }
  result[i] = input[i];
}
