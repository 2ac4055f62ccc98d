// A field that is to be what a table says: r = u - g, of weight 1.

/// (the loss at a point, the residuals, the cotangents at the fields).
fn residualsAt(u: array<vec4f, FIELDS>, g: array<vec4f, TABLES>) -> array<vec4f, 1u + RESIDUALS + FIELDS> {
  let r = u[0] - g[0];
  return array<vec4f, 1u + RESIDUALS + FIELDS>(0.5 * r * r, r, r);
}
