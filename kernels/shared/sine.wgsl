// Sine and cosine together, to 1.1e-7 absolute for |x| <= 1e4.
//
// WGSL promises its own sin and cos only to 2^-11 on [-pi, pi]. Cody and Waite 1980, chapter 8: x is reduced by the
// nearest multiple n of pi/2, with pi/2 in parts of 11 bits, so that n * part is exact for n < 2^13 whether or not the
// device fuses fma; then two minimax polynomials on [-pi/4, pi/4] and a rotation by the quadrant.

const HALF_PI_1 = 1.5703125f;
const HALF_PI_2 = 4.837512969970703e-4f;
const HALF_PI_3 = 7.549533620476723e-8f;
const HALF_PI_4 = 2.5633440682570896e-12f;
const TWO_OVER_PI = 0.6366197723675814f;

/// (sin x, cos x).
fn sineCosine(x: f32) -> vec2f {
  let n = round(x * TWO_OVER_PI);
  let r = fma(-n, HALF_PI_4, fma(-n, HALF_PI_3, fma(-n, HALF_PI_2, fma(-n, HALF_PI_1, x))));
  let z = r * r;
  let s = fma(r * z, fma(z, fma(z, -1.9516978e-4f, 8.332176e-3f), -1.6666655e-1f), r);
  let c = fma(z * z, fma(z, fma(z, 2.4438092e-5f, -1.3887364e-3f), 4.1666646e-2f), fma(z, -0.5f, 1.0f));
  let quadrant = i32(n) & 3;
  let swapped = select(vec2f(s, c), vec2f(c, s), (quadrant & 1) == 1);
  return vec2f(
    select(swapped.x, -swapped.x, quadrant >= 2),
    select(swapped.y, -swapped.y, quadrant == 1 || quadrant == 2)
  );
}
