// One step of Adam for every parameter of a model (Kingma and Ba 2015, algorithm 1), in place.
//
//   m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2
//   p <- p - rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)
//
// Weight decay is an L2 term, g <- g + decay p, or with DECOUPLED a shrinking of its own, p <- p - rate decay p
// (Loshchilov and Hutter 2019). The step number t is read from the GPU, so that many steps replay in one submit.
// One thread a quad of parameters.

struct Settings {
  count: u32,      // quads
  rate: f32,
  b1: f32,
  b2: f32,
  restOfB1: f32,   // 1 - b1 and 1 - b2, from the host in float64: in f32 they lose what b has beyond 24 bits
  restOfB2: f32,
  epsilon: f32,
  decay: f32,
  logB1: f32,      // natural logarithms, from the host too: WGSL's log is poor near 1
  logB2: f32,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> step: array<u32>;                  // t, from 1
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;            // (count)
@group(0) @binding(3) var<storage, read_write> parameter: array<vec4f>;     // (count)
@group(0) @binding(4) var<storage, read_write> firstMoment: array<vec4f>;   // (count)
@group(0) @binding(5) var<storage, read_write> secondMoment: array<vec4f>;  // (count)

const WORKGROUP = 64u;
const DECOUPLED = false;

/// 1 - b^t, without cancellation where b^t is near 1.
fn biasCorrection(logB: f32, t: f32) -> f32 {
  let x = logB * t;
  return select(1.0 - exp(x), -x * fma(x, fma(x, 1.0 / 6.0, 0.5), 1.0), x > -0.02);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= settings.count) { return; }
  let t = f32(step[0]);
  let p = parameter[i];
  var g = gradient[i];
  if (!DECOUPLED) { g = fma(vec4f(settings.decay), p, g); }
  let m = fma(vec4f(settings.b1), firstMoment[i], settings.restOfB1 * g);
  let v = fma(vec4f(settings.b2), secondMoment[i], settings.restOfB2 * g * g);
  let scale = sqrt(v / biasCorrection(settings.logB2, t)) + settings.epsilon;
  var update = m / biasCorrection(settings.logB1, t) / scale;
  if (DECOUPLED) { update = fma(vec4f(settings.decay), p, update); }
  firstMoment[i] = m;
  secondMoment[i] = v;
  parameter[i] = fma(vec4f(-settings.rate), update, p);
}
