// Functions of four numbers at once, for texts that are put together: each as accurate as what it is made of.
//# import shared/sine.wgsl
//# import shared/tanh.wgsl

fn sineOf(x: vec4f) -> vec4f {
  return vec4f(sineCosine(x.x).x, sineCosine(x.y).x, sineCosine(x.z).x, sineCosine(x.w).x);
}

fn cosineOf(x: vec4f) -> vec4f {
  return vec4f(sineCosine(x.x).y, sineCosine(x.y).y, sineCosine(x.z).y, sineCosine(x.w).y);
}

fn tanhOf(x: vec4f) -> vec4f {
  return vec4f(hyperbolicTangent(x.x), hyperbolicTangent(x.y), hyperbolicTangent(x.z), hyperbolicTangent(x.w));
}
