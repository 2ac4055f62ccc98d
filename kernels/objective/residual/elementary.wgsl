// Every function that a text may call, r = sin u + cos u + tanh u - g, of weight 1: by this one they keep their names.

/// (the loss at a point, the residuals, the cotangents at the fields).
fn residualsAt(u: array<vec4f, FIELDS>, g: array<vec4f, TABLES>) -> array<vec4f, 1u + RESIDUALS + FIELDS> {
  let sine = sineOf(u[0]);
  let cosine = cosineOf(u[0]);
  let tangent = tanhOf(u[0]);
  let r = sine + cosine + tangent - g[0];
  return array<vec4f, 1u + RESIDUALS + FIELDS>(0.5 * r * r, r, r * (cosine - sine + 1.0 - tangent * tangent));
}
