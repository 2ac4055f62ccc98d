// A Muon step (Jordan 2024) of a batch of matrices, in place, with decoupled decay:
//
//   W <- (1 - learningRate weightDecay) W - learningRate scale U
//# import shared/optimiser/matrixStep.wgsl

@group(0) @binding(3) var<storage, read> learningRate: array<f32>;           // (1)

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = problems[group.z];
  // Folded to two dimensions past 65535 workgroups.
  stepAlong(p, (group.x + group.y * groups.x) * WORKGROUP + lane, learningRate[0], p.weightDecay);
}
