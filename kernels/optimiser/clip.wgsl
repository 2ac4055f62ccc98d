// A gradient whose norm is past `most` scaled down to it, in place: g <- g min(1, most / (|g| + 1e-6)).

struct Settings {
  count: u32,
  most: f32,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> squares: array<f32>;              // (1): |g|^2
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;       // (count)

const WORKGROUP = 64u;
const LEAST_NORM = 1e-6;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= settings.count) { return; }
  gradient[i] *= min(1.0, settings.most / (sqrt(squares[0]) + LEAST_NORM));
}
