/** The embedded models' backend: part of the package, always there. Its kind has the same name. */
export const EMBEDDED_BACKEND = 'embedded';
