/** The same mathematics, another order. */
export { orthonormalise as orthonormalisePanels } from './orthonormalise.js';
