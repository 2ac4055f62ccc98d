// A Muon step (kernels/optimiser/muonStep.wgsl) of the matrices of every model of a fleet, in place, each by the learning
// rate and the weight decay of its place; of a model that does not step none. Who keeps what was before, and returns to it, is
// the optimiser of the other parameters, which goes before (kernels/fleet/adamOfPlaces.wgsl).
//# import shared/optimiser/matrixStep.wgsl
//# import shared/optimiser/places.wgsl

@group(0) @binding(3) var<storage, read> roster: array<vec4u>;               // (places)

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = problems[group.z];
  let own = roster[p.place];
  if (own[MOVE] != STEPS) { return; }
  let decay = bitcast<f32>(own[DECAY]);
  // Folded to two dimensions past 65535 workgroups.
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  stepAlong(p, i, bitcast<f32>(own[RATE]), select(p.weightDecay, decay, decay >= 0.0));
}
