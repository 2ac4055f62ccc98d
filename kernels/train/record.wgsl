// Counts a training step and keeps its loss: step <- step + 1, history[step mod capacity] <- loss. One thread.

struct Settings {
  capacity: u32,   // losses kept
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> loss: array<f32>;                // (1)
@group(0) @binding(2) var<storage, read_write> step: array<u32>;          // (1): steps counted so far
@group(0) @binding(3) var<storage, read_write> history: array<f32>;       // (capacity)

@compute @workgroup_size(1)
fn main() {
  history[step[0] % settings.capacity] = loss[0];
  step[0] += 1u;
}
