// One step of Adam (kernels/optimiser/adam.wgsl) for every model of a fleet, in place, each by the count, the learning
// rate and the weight decay of its place. The parameters from before it are kept: a model whose loss was not finite
// returns to those, and one that has ended is left as it is.
//# import shared/optimiser/stepOfPlace.wgsl
//# import shared/optimiser/biasCorrection.wgsl

struct Settings {
  beta1: f32,         // as all that follows, of kernels/optimiser/adam.wgsl
  beta2: f32,
  restOfBeta1: f32,
  restOfBeta2: f32,
  epsilon: f32,
  weightDecay: f32,   // where the place has none of its own
  share: f32,         // of the place's rate
  logBeta1: f32,
  logBeta2: f32,
}

@group(0) @binding(6) var<storage, read_write> firstMoment: array<vec4f>;   // (quads)
@group(0) @binding(7) var<storage, read_write> secondMoment: array<vec4f>;  // (quads)

const DECOUPLED = false;
const ALONE = true;   // if not, the place's own decay is that of the optimiser beside it

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let step = stepOf(id, groups);
  if (!step.taken) { return; }
  let decay = select(settings.weightDecay, step.decay, ALONE);
  let firstCorrection = biasCorrection(settings.logBeta1, step.count);
  let secondCorrection = biasCorrection(settings.logBeta2, step.count);
  //# unroll
  for (var q = 0u; q < QUADS; q++) {
    let i = step.quad + q;
    let x = parameter[i];
    var g = gradient[i];
    if (!DECOUPLED) { g = fma(vec4f(decay), x, g); }
    let m = fma(vec4f(settings.beta1), firstMoment[i], settings.restOfBeta1 * g);
    let v = fma(vec4f(settings.beta2), secondMoment[i], settings.restOfBeta2 * g * g);
    let scale = sqrt(v / secondCorrection) + settings.epsilon;
    var update = m / firstCorrection / scale;
    if (DECOUPLED) { update = fma(vec4f(decay), x, update); }
    firstMoment[i] = m;
    secondMoment[i] = v;
    earlier[i] = x;
    parameter[i] = fma(vec4f(-settings.share * step.rate), update, x);
  }
}
