// Counts a training step, keeps its loss and hands on its learning rate. One thread.
//
//   history[step mod capacity] <- loss,  learningRate <- schedule[step mod capacity],  step <- step + 1
//
// The host writes the schedule before a submit, so that a rate that changes from step to step needs no new plan.

struct Settings {
  capacity: u32,   // losses and learning rates kept
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> loss: array<f32>;                 // (1)
@group(0) @binding(2) var<storage, read> schedule: array<f32>;             // (capacity)
@group(0) @binding(3) var<storage, read_write> step: array<u32>;           // (1): steps counted so far
@group(0) @binding(4) var<storage, read_write> history: array<f32>;        // (capacity)
@group(0) @binding(5) var<storage, read_write> learningRate: array<f32>;   // (1)

const WORKGROUP = 64u;   // as others have, to which it may be joined

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x > 0u) { return; }
  let at = step[0] % settings.capacity;
  history[at] = loss[0];
  learningRate[0] = schedule[at];
  step[0] += 1u;
}
