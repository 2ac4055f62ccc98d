// One step of gradient descent (kernels/optimiser/sgd.wgsl) for every model of a fleet, in place, each by the learning
// rate and the weight decay of its place; what is kept, and who returns or rests, as in kernels/fleet/adamOfPlaces.wgsl.
//# import shared/optimiser/stepOfPlace.wgsl

struct Settings {
  momentum: f32,
  weightDecay: f32,   // where the place has none of its own
  share: f32,         // of the place's rate
}

@group(0) @binding(6) var<storage, read_write> moment: array<vec4f>;        // (quads)

const ALONE = true;   // as in kernels/fleet/adamOfPlaces.wgsl

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let step = stepOf(id, groups);
  if (!step.taken) { return; }
  let decay = select(settings.weightDecay, step.decay, ALONE);
  //# unroll
  for (var q = 0u; q < QUADS; q++) {
    let i = step.quad + q;
    let x = parameter[i];
    let m = fma(vec4f(settings.momentum), moment[i], fma(vec4f(decay), x, gradient[i]));
    moment[i] = m;
    earlier[i] = x;
    parameter[i] = fma(vec4f(-settings.share * step.rate), m, x);
  }
}
