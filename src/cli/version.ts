declare const SEPNN_VERSION: string;

/** Of the package, where it was built. */
export const version = typeof SEPNN_VERSION === 'string' ? SEPNN_VERSION : 'development';
