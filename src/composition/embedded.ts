/** The embedded models: part of the package, always there. */
import { fileURLToPath } from 'node:url';

/** `models/weights` beside `src/` and `dist/` alike. */
export const EMBEDDED_WEIGHTS: string = fileURLToPath(new URL('../../models/weights', import.meta.url));
export const EMBEDDED_BACKEND = 'embedded';
