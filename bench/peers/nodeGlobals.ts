/** What libraries written for browsers look for in the global scope, for Node, which lacks it. */

/**
 * Defines those of a browser's globals that are missing: WebGPU's classes and constants, and `navigator.gpu`, which
 * says no more than that there is WebGPU: it finds no adapter. Call it in Node, before a peer is opened.
 *
 * @param webgpu the `globals` of the package `webgpu`.
 */
export function defineNodeGlobals(webgpu: object): void {
  for (const [name, value] of Object.entries(webgpu)) {
    if (!(name in globalThis)) define(globalThis, name, value);
  }
  // Node has a navigator from version 21 on.
  if (!('navigator' in globalThis)) define(globalThis, 'navigator', { userAgent: 'Node.js' });
  if (!('gpu' in navigator)) define(navigator, 'gpu', { requestAdapter: async () => null });
}

function define(scope: object, name: string, value: unknown): void {
  Object.defineProperty(scope, name, { value, configurable: true, writable: true });
}
