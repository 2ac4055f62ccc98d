/**
 * What the paper reports (Luo and Meng, "Separable Neural Networks: Approximation Theory, NTK Regime, and Preconditioned
 * Gradient Descent"), to stand beside what is measured here. PSNR in dB of its plane, 512 x 512 x 3, where it says nothing
 * else; one entry of a list for each of the table's rows, and one number where plain is the same in all.
 */

export const published = {
  /** g1 is g = l_k, g2 is g = sqrt(l_i). */
  table2: {
    rows: [30, 40, 50, 60, 70, 80, 90, 100],
    plain: 26.48,
    g1: [26.79, 26.95, 29.65, 33.04, 33.3, 34.28, 34.21, 34.06],
    g2: [26.92, 27.7, 27.91, 30.81, 31.58, 31.74, 31.95, 30.23],
  },
  /** R. */
  table3: {
    rows: [100, 200, 300, 400, 500, 600, 700],
    plain: [26.36, 26.74, 26.54, 26.61, 26.48, 26.49, 26.45],
    sepPgd: [31.59, 32.69, 33.41, 33.65, 33.3, 33.54, 33.4],
  },
  /** Steps between refreshes. */
  table4: {
    rows: [10, 100, 300, 500, 700, 900, 1100],
    plain: 26.48,
    sepPgd: [33.3, 33.29, 33.16, 33.12, 33.09, 33.06, 33.06],
  },
  table5: {
    rows: ['sine', 'cosine', 'ReLU', 'leaky ReLU', 'Fourier + ReLU', 'Fourier + leaky ReLU'],
    plain: [26.48, 21.83, 18.2, 18.2, 30.89, 30.94],
    sepPgd: [33.3, 30.06, 20.02, 20.74, 40.49, 40.51],
  },
  /** W. */
  table6: {
    rows: [100, 200, 300, 400, 500, 600, 700],
    plain: [22.46, 23.88, 25.21, 26.19, 26.48, 27.08, 27.2],
    sepPgd: [22.79, 31.46, 32.75, 33.22, 33.3, 33.89, 34.35],
  },
  /** Deviation of the noise. */
  table7: {
    rows: [0.01, 0.03, 0.05, 0.07, 0.09],
    plain: [26.4, 26.35, 26.27, 25.85, 25.29],
    sepPgd: [33.26, 31.08, 28.2, 26.35, 25.06],
  },
  /** The rank to which the image is truncated, with R = 100: called MSE, and as large as an RMSE would be. */
  table8: {
    rows: [100, 200, 300, 400, 500],
    plain: [0.052, 0.061, 0.063, 0.064, 0.066],
    sepPgd: [0.021, 0.03, 0.035, 0.036, 0.037],
  },
  /** MSE on points off the grid. */
  table9: {
    rows: ['f1', 'f2', 'f3'],
    plain: [0.02, 0.03, 0.075],
    msk: [0.014, 0.024, 0.058],
    sepPgd: [0.015, 0.021, 0.062],
  },
  /** IoU of the Thai statue. */
  figure3: { plain: 0.983, sepPgd: 0.992 },
} as const;
