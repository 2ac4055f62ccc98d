// C = alpha A + beta B, elementwise, over whole storages: padding is combined too and is never looked at. ALONE: alpha A,
// since 0 times a B that is not finite would be NaN.

struct Settings {
  count: u32,      // numbers
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> left: array<f32>;                // A: (count)
@group(0) @binding(2) var<storage, read> right: array<f32>;               // B: (count)
@group(0) @binding(3) var<storage, read_write> result: array<f32>;        // C: (count)

const WORKGROUP = 64u;
const ALONE = false;   // no B: A is bound in its place

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= settings.count) { return; }
  if (ALONE) {
    result[i] = settings.alpha * left[i];
  } else {
    result[i] = fma(settings.alpha, left[i], settings.beta * right[i]);
  }
}
