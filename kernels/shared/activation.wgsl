// The activations of a factor network, each with its derivative from one evaluation.
//# import shared/sine.wgsl
//# import shared/tanh.wgsl

const SINE = 0u;
const COSINE = 1u;
const RELU = 2u;
const LEAKY_RELU = 3u;
const TANH = 4u;
const LEAK = 0.01f;

/// (a(omega z), d a(omega z) / dz). The derivative of ReLU at 0 is 0, as in PyTorch.
fn activate(kind: u32, omega: f32, z: f32) -> vec2f {
  let x = omega * z;
  switch kind {
    case SINE: {
      let pair = sineCosine(x);
      return vec2f(pair.x, omega * pair.y);
    }
    case COSINE: {
      let pair = sineCosine(x);
      return vec2f(pair.y, -omega * pair.x);
    }
    case RELU: {
      return select(vec2f(0.0), vec2f(x, omega), x > 0.0);
    }
    case LEAKY_RELU: {
      return vec2f(x, omega) * select(LEAK, 1.0, x > 0.0);
    }
    default: {
      let t = hyperbolicTangent(x);
      return vec2f(t, omega * (1.0 - t * t));
    }
  }
}
