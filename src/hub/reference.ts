import { TuttiError } from '../errors/error.ts';

/** What `tutti pull` is asked for. */
export interface HubReference {
  /** `organisation/repository`. */
  readonly repository: string;
  /** A branch, tag or commit. Default `main`. */
  readonly revision: string;
  /** Which file: by its path, by its quantisation, or whichever suits best. */
  readonly choice:
    | { readonly by: 'file'; readonly path: string }
    | { readonly by: 'quantisation'; readonly name: string }
    | { readonly by: 'default' };
}

const NAME = '[\\w-][\\w.-]*';
const SHAPE = new RegExp(
  `^hf:(?<repository>${NAME}/${NAME})` +
    // hf:org/repo/folder/file.gguf@revision, or hf:org/repo@revision:QUANTISATION, or hf:org/repo:QUANTISATION@revision
    `(?:/(?<path>[^@]+\\.gguf)(?:@(?<ofFile>[^:]+))?|(?:@(?<before>[^:]+))?(?::(?<quantisation>[\\w.-]+))?(?:@(?<after>[^:]+))?)$`,
  'i',
);

/**
 * Reads `hf:org/repo`, `hf:org/repo:Q4_K_M` or `hf:org/repo/file.gguf`, each with an `@revision` if wanted.
 * Errors: `invalid_request` with the shapes it takes.
 */
export function parseReference(text: string): HubReference {
  const found = SHAPE.exec(text.trim())?.groups;
  const { repository, path, quantisation, before, after, ofFile } = found ?? {};
  if (repository === undefined || (before !== undefined && after !== undefined) || isUnsafe(path ?? '')) {
    throw new TuttiError(
      'invalid_request',
      `"${text}" names no model on a hub. Write hf:org/repo:Q4_K_M, hf:org/repo/file.gguf or hf:org/repo; @revision may follow.`,
      { param: 'model' },
    );
  }
  return {
    repository,
    revision: before ?? after ?? ofFile ?? 'main',
    choice:
      path !== undefined
        ? { by: 'file', path }
        : quantisation !== undefined
          ? { by: 'quantisation', name: quantisation }
          : { by: 'default' },
  };
}

/** Whether a path could lead out of the repository. Paths in a hub's own list are held to the same. */
export function isUnsafe(path: string): boolean {
  return (
    path.includes('\\') ||
    path.includes('\0') ||
    path.split('/').some((part) => part === '..' || part === '.') ||
    path.startsWith('/')
  );
}
