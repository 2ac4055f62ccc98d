// One step of gradient descent with momentum for every parameter of a model, in place, as PyTorch's SGD has it.
//
//   g <- g + weightDecay p,  m <- momentum m + g,  p <- p - learningRate m

struct Settings {
  count: u32,      // parameters
  momentum: f32,   // 0 for plain gradient descent
  weightDecay: f32,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> learningRate: array<f32>;          // (1)
@group(0) @binding(2) var<storage, read> gradient: array<f32>;              // (count)
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;       // (count)
@group(0) @binding(4) var<storage, read_write> moment: array<f32>;          // (count)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= settings.count) { return; }
  let p = parameter[i];
  let m = fma(settings.momentum, moment[i], fma(settings.weightDecay, p, gradient[i]));
  moment[i] = m;
  parameter[i] = fma(-learningRate[0], m, p);
}
