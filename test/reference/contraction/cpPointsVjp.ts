/** M_d[i, r] = scale P[i] prod_{d' != d} F_d'[i, r], axis by axis; F_d (points, rank). */
export function cpPointsVjp(
  cotangent: Float64Array,
  factors: readonly Float64Array[],
  rank: number,
  scale: number,
): Float64Array[] {
  return factors.map((own, d) =>
    own.map((_, at) => {
      const others = factors.filter((__, other) => other !== d);
      return others.reduce((product, f) => product * f[at], scale * cotangent[Math.floor(at / rank)]);
    }),
  );
}
