// One step of Adam (kernels/optimiser/adam.wgsl) for every model of a fleet, in place, each by the count, the learning
// rate and the weight decay of its place. The parameters from before it are kept: a model whose loss was not finite
// returns to those, and one that has ended is left as it is.
//
// A problem is a region of the parameters' stack, in which the models stand one after the other. One thread per quad.
//# import shared/optimiser/places.wgsl
//# import shared/optimiser/biasCorrection.wgsl

struct Settings {
  beta1: f32,         // as all that follows, of kernels/optimiser/adam.wgsl
  beta2: f32,
  restOfBeta1: f32,
  restOfBeta2: f32,
  epsilon: f32,
  weightDecay: f32,   // where the place has none of its own
  logBeta1: f32,
  logBeta2: f32,
}

struct Problem {
  places: u32,
  first: u32,         // quad
  quads: u32,         // of a model
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> problems: array<Problem>;
@group(0) @binding(2) var<storage, read> roster: array<vec4u>;              // (places)
@group(0) @binding(3) var<storage, read> gradient: array<vec4f>;            // (quads)
@group(0) @binding(4) var<storage, read_write> parameter: array<vec4f>;     // (quads)
@group(0) @binding(5) var<storage, read_write> firstMoment: array<vec4f>;   // (quads)
@group(0) @binding(6) var<storage, read_write> secondMoment: array<vec4f>;  // (quads)
@group(0) @binding(7) var<storage, read_write> earlier: array<vec4f>;        // (quads): the parameters of the step before

const WORKGROUP = 64u;
const DECOUPLED = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let line = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (line >= p.places * p.quads) { return; }
  let own = roster[line / p.quads];
  let i = p.first + line;
  if (own[MOVE] == RETURNS) { parameter[i] = earlier[i]; }
  if (own[MOVE] != STEPS) { return; }
  let t = f32(own[COUNT]);
  let decayOfPlace = bitcast<f32>(own[DECAY]);
  let decay = select(settings.weightDecay, decayOfPlace, decayOfPlace >= 0.0);
  let x = parameter[i];
  var g = gradient[i];
  if (!DECOUPLED) { g = fma(vec4f(decay), x, g); }
  let m = fma(vec4f(settings.beta1), firstMoment[i], settings.restOfBeta1 * g);
  let v = fma(vec4f(settings.beta2), secondMoment[i], settings.restOfBeta2 * g * g);
  let scale = sqrt(v / biasCorrection(settings.logBeta2, t)) + settings.epsilon;
  var update = m / biasCorrection(settings.logBeta1, t) / scale;
  if (DECOUPLED) { update = fma(vec4f(decay), x, update); }
  firstMoment[i] = m;
  secondMoment[i] = v;
  earlier[i] = x;
  parameter[i] = fma(vec4f(-bitcast<f32>(own[RATE])), update, x);
}
