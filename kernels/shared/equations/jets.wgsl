// Jets: a function of one coordinate with its derivatives, (h, h', h'', ..) up to ORDER, which is 4 at the most. What a
// jet does not carry is zero.
//
// The jets of a matrix stand in one matrix, (orders * points, columns): derivative k of point i is row k points + i.

const ORDER = 2u;

/// The jet of f(z(x)) from f and its derivatives at z, and the jet of z (Faa di Bruno).
fn composed(f: array<f32, 5>, z: array<f32, 5>) -> array<f32, 5> {
  var y = array<f32, 5>(f[0], f[1] * z[1], 0.0, 0.0, 0.0);
  if (ORDER >= 2u) { y[2] = f[2] * z[1] * z[1] + f[1] * z[2]; }
  if (ORDER >= 3u) { y[3] = f[3] * z[1] * z[1] * z[1] + 3.0 * f[2] * z[1] * z[2] + f[1] * z[3]; }
  if (ORDER >= 4u) {
    let square = z[1] * z[1];
    y[4] = f[4] * square * square + 6.0 * f[3] * square * z[2] + f[2] * (3.0 * z[2] * z[2] + 4.0 * z[1] * z[3]) + f[1] * z[4];
  }
  return y;
}

const BINOMIALS = array<array<f32, 5>, 5>(
  array<f32, 5>(1.0, 0.0, 0.0, 0.0, 0.0), array<f32, 5>(1.0, 1.0, 0.0, 0.0, 0.0), array<f32, 5>(1.0, 2.0, 1.0, 0.0, 0.0),
  array<f32, 5>(1.0, 3.0, 3.0, 1.0, 0.0), array<f32, 5>(1.0, 4.0, 6.0, 4.0, 1.0));

/// The jet of a b (Leibniz).
fn multiplied(a: array<f32, 5>, b: array<f32, 5>) -> array<f32, 5> {
  var y = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    //# unroll
    for (var j = 0u; j <= k; j++) {
      y[k] += BINOMIALS[k][j] * a[j] * b[k - j];
    }
  }
  return y;
}

/// The cotangent at the jet of a, from that at the jet of a b. It is also that at the jet of z from that at f(z(x)), b
/// being then the jet of f'(z(x)): a change of z by d changes f(z) by f'(z) d, at every x.
fn multipliedCotangent(g: array<f32, 5>, b: array<f32, 5>) -> array<f32, 5> {
  var y = array<f32, 5>();
  //# unroll
  for (var j = 0u; j <= ORDER; j++) {
    //# unroll
    for (var k = j; k <= ORDER; k++) {
      y[j] += BINOMIALS[k][j] * g[k] * b[k - j];
    }
  }
  return y;
}

fn leading(f: array<f32, 6>) -> array<f32, 5> { return array<f32, 5>(f[0], f[1], f[2], f[3], f[4]); }
fn following(f: array<f32, 6>) -> array<f32, 5> { return array<f32, 5>(f[1], f[2], f[3], f[4], f[5]); }
