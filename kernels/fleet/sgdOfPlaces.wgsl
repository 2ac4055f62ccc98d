// One step of gradient descent (kernels/optimiser/sgd.wgsl) for every model of a fleet, in place, each by the learning
// rate and the weight decay of its place; what is kept, and who returns or rests, as in kernels/fleet/adamOfPlaces.wgsl.
//# import shared/optimiser/places.wgsl

struct Settings {
  momentum: f32,
  weightDecay: f32,   // where the place has none of its own
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
@group(0) @binding(5) var<storage, read_write> moment: array<vec4f>;        // (quads)
@group(0) @binding(6) var<storage, read_write> earlier: array<vec4f>;        // (quads): the parameters of the step before

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let line = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (line >= p.places * p.quads) { return; }
  let own = roster[line / p.quads];
  let i = p.first + line;
  if (own[MOVE] == RETURNS) { parameter[i] = earlier[i]; }
  if (own[MOVE] != STEPS) { return; }
  let decayOfPlace = bitcast<f32>(own[DECAY]);
  let decay = select(settings.weightDecay, decayOfPlace, decayOfPlace >= 0.0);
  let x = parameter[i];
  let m = fma(vec4f(settings.momentum), moment[i], fma(vec4f(decay), x, gradient[i]));
  moment[i] = m;
  earlier[i] = x;
  parameter[i] = fma(vec4f(-bitcast<f32>(own[RATE])), m, x);
}
