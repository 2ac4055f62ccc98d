/** The same mathematics as for one matrix. */
export { jacobi as jacobiBatch } from './jacobi.js';
