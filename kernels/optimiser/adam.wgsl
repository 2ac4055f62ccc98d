// One step of Adam for every parameter of a model (Kingma and Ba 2015, algorithm 1), in place.
//
//   m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
//   p <- p - learningRate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
//
// Weight decay is an L2 term, g <- g + weightDecay p, or with DECOUPLED a shrinking of its own,
// p <- p - learningRate weightDecay p (Loshchilov and Hutter 2019). The step number t and its learning rate are read
// from the GPU, so that many steps replay in one submit. One thread per QUADS quads of parameters.
//# import shared/optimiser/biasCorrection.wgsl

struct Settings {
  count: u32,         // quads
  beta1: f32,
  beta2: f32,
  restOfBeta1: f32,   // 1 - beta, from the host in float64: in f32 they lose what beta has beyond 24 bits
  restOfBeta2: f32,
  epsilon: f32,
  weightDecay: f32,
  logBeta1: f32,      // natural logarithms, from the host too: WGSL's log is poor near 1
  logBeta2: f32,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> step: array<u32>;                  // (1): t, from 1
@group(0) @binding(2) var<storage, read> learningRate: array<f32>;          // (1)
@group(0) @binding(3) var<storage, read> gradient: array<vec4f>;            // (count)
@group(0) @binding(4) var<storage, read_write> parameter: array<vec4f>;     // (count)
@group(0) @binding(5) var<storage, read_write> firstMoment: array<vec4f>;   // (count)
@group(0) @binding(6) var<storage, read_write> secondMoment: array<vec4f>;  // (count)

const WORKGROUP = 64u;
const QUADS = 1u;     // that a thread steps, by which their number can be divided
const DECOUPLED = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let line = (id.x + id.y * groups.x * WORKGROUP) * QUADS;   // folded to two dimensions past 65535 workgroups
  if (line >= settings.count) { return; }
  let t = f32(step[0]);
  let firstCorrection = biasCorrection(settings.logBeta1, t);
  let secondCorrection = biasCorrection(settings.logBeta2, t);
  //# unroll
  for (var q = 0u; q < QUADS; q++) {
    let i = line + q;
    let p = parameter[i];
    var g = gradient[i];
    if (!DECOUPLED) { g = fma(vec4f(settings.weightDecay), p, g); }
    let m = fma(vec4f(settings.beta1), firstMoment[i], settings.restOfBeta1 * g);
    let v = fma(vec4f(settings.beta2), secondMoment[i], settings.restOfBeta2 * g * g);
    let scale = sqrt(v / secondCorrection) + settings.epsilon;
    var update = m / firstCorrection / scale;
    if (DECOUPLED) { update = fma(vec4f(settings.weightDecay), p, update); }
    firstMoment[i] = m;
    secondMoment[i] = v;
    parameter[i] = fma(vec4f(-learningRate[0]), update, p);
  }
}
