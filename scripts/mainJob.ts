/** What makes a run of `sepnn fit` the main job: the luma, plain and with SepPGD side by side. */

/** The words with which a run cannot be compared: it goes on from a file, or is plain itself. */
const alone = /^--resume(=|$)|^--preconditioner=none$|^--help$|^-h$/;

/** The words that were given, with those of the main job that they leave out and do not forbid. */
export function mainJob(given: readonly string[]): string[] {
  const isAlone = given.some((word, i) => alone.test(word) || (word === 'none' && given[i - 1] === '--preconditioner'));
  const usual = isAlone ? ['--gray'] : ['--gray', '--compare'];
  return [...usual.filter(word => !given.includes(word)), ...given];
}
