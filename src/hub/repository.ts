/** What a hub says of a repository: its files and their checksums, or why it says nothing. */
import { z } from 'zod';
import { TuttiError } from '../errors/error.ts';
import { get, headerOf, transferError, type HubAccess, type HubResponse } from './http.ts';
import type { HubReference } from './reference.ts';
import type { HubFile } from './select.ts';

const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().int().nonnegative(),
    oid: z.string().optional(),
    lfs: z.object({ oid: z.string(), size: z.number().int().nonnegative() }).optional(),
  }),
);

/** A list this long is not a model's repository but a mistake, or an attack. */
const MOST_PAGES = 100;

const encode = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

/** The address of a file's bytes. */
export function fileUrl(endpoint: string, { repository, revision }: HubReference, path: string): string {
  return `${endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${encode(path)}`;
}

/** Every file of the repository at the revision. Errors: those of `refusal`, `pull_failed`. */
export async function listFiles(access: HubAccess, reference: HubReference): Promise<readonly HubFile[]> {
  const files: HubFile[] = [];
  let next: string | null =
    `${access.endpoint}/api/models/${reference.repository}/tree/${encodeURIComponent(reference.revision)}?recursive=true`;
  for (let page = 0; next !== null && page < MOST_PAGES; page++) {
    const url: string = next;
    const response = await get(access, url, { accept: 'application/json' });
    if (response.status !== 200) throw await refusal(response, access, reference);
    for (const entry of await readTree(response, access)) {
      if (entry.type === 'file')
        files.push({ path: entry.path, bytes: entry.lfs?.size ?? entry.size, checksum: checksumOf(entry) });
    }
    next = nextPage(response, url);
  }
  return files;
}

type TreeEntry = z.infer<typeof treeSchema>[number];

async function readTree(response: HubResponse, access: HubAccess): Promise<readonly TreeEntry[]> {
  const host = new URL(access.endpoint).host;
  let text: string;
  try {
    text = await response.body.text();
  } catch (error) {
    throw transferError(error, host, access.signal);
  }
  try {
    return treeSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new TuttiError('pull_failed', `${host} answered with something that is no list of files: ${text.slice(0, 100)}`, {
      cause: error,
      retryable: false,
    });
  }
}

function checksumOf({ lfs, oid }: TreeEntry): HubFile['checksum'] {
  if (lfs !== undefined && /^[0-9a-f]{64}$/.test(lfs.oid)) return { algorithm: 'sha256', value: lfs.oid };
  return oid !== undefined && /^[0-9a-f]{40}$/.test(oid) ? { algorithm: 'git-blob', value: oid } : null;
}

/** The `Link` header of RFC 8288. A page elsewhere is not followed. */
function nextPage(response: HubResponse, url: string): string | null {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(headerOf(response, 'link') ?? '')?.[1];
  const next = target === undefined ? null : URL.parse(target, url);
  return next !== null && next.origin === new URL(url).origin ? next.href : null;
}

/**
 * Why the hub refused, from its status and its `X-Error-Code`. The body is discarded.
 * `upstream_unauthorized`: gated, or the token is refused. `model_not_found`: no such repository, revision or file.
 * `upstream_rate_limited`, `pull_failed`: the rest.
 */
export async function refusal(response: HubResponse, access: HubAccess, reference: HubReference): Promise<TuttiError> {
  await response.body.dump();
  const { repository, revision } = reference;
  const { host } = new URL(access.endpoint);
  const code = headerOf(response, 'x-error-code');
  const said = headerOf(response, 'x-error-message');
  const details = { repository, revision, status: response.status };
  const login = access.token === null ? 'set HF_TOKEN to a token that may read it' : 'the token in use may not read it';
  switch (code) {
    case 'GatedRepo':
      return new TuttiError(
        'upstream_unauthorized',
        `${repository} is gated: accept its terms at ${access.endpoint}/${repository}, then ${login}.`,
        { details, retryable: false },
      );
    case 'RepoNotFound':
      return new TuttiError('model_not_found', `${host} has no repository ${repository}. If it is private, ${login}.`, {
        details,
      });
    case 'RevisionNotFound':
      return new TuttiError('model_not_found', `${repository} has no revision ${revision}.`, { details });
    case 'EntryNotFound':
      return new TuttiError('model_not_found', `${repository} does not have the file at revision ${revision}.`, { details });
    default:
  }
  if (response.status === 401 || response.status === 403) {
    const message = `${host} refuses access to ${repository}${said === null ? '' : ` (${said})`}: ${login}.`;
    return new TuttiError('upstream_unauthorized', message, { details, retryable: false });
  }
  if (response.status === 404)
    return new TuttiError('model_not_found', `${host} has no ${repository} at revision ${revision}.`, { details });
  if (response.status === 429) {
    const seconds = Number(headerOf(response, 'retry-after'));
    const wait = Number.isFinite(seconds) && seconds > 0 ? { retryAfter: seconds } : {};
    return new TuttiError('upstream_rate_limited', `${host} limits the rate of downloads. Wait, or set HF_TOKEN.`, {
      details,
      ...wait,
    });
  }
  return new TuttiError('pull_failed', `${host} answered with status ${response.status}${said === null ? '' : `: ${said}`}.`, {
    details,
    retryable: response.status >= 500,
  });
}
