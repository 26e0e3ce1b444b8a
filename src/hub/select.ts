/** Which files of a repository make up the model that was asked for. Pure. */
import { TuttiError } from '../errors/error.ts';
import { isUnsafe, type HubReference } from './reference.ts';

/** A file as the hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** What its content must hash to: SHA-256 of large files, git's blob id (SHA-1) of small ones, null when the hub names none. */
  readonly checksum: { readonly algorithm: 'sha256' | 'git-blob'; readonly value: string } | null;
}

/** A model is one file, or the parts of a split one in their order. */
interface Candidate {
  readonly name: string;
  readonly quantisation: string | null;
  readonly files: readonly HubFile[];
  /** How many parts the names promise. */
  readonly parts: number;
}

const SPLIT = /^(?<stem>.+)-(?<part>\d{5})-of-(?<parts>\d{5})\.gguf$/i;
const QUANTISATION =
  /(?:^|[-_.])(?<name>(?:UD-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|TQ\d_\d|BF16|F16|F32|MXFP4(?:_[A-Z0-9]+)*))(?=$|[-.])/gi;
/** GGUF files that are no language model by themselves. */
const COMPANION = /(^|\/)(mmproj|imatrix)|[-_.](mmproj|imatrix)/i;
/** In order of preference when none was asked for: the usual balance first, then what is nearest to it. */
const USUAL = ['Q4_K_M', 'Q4_K_S', 'Q5_K_M', 'Q4_0', 'Q6_K', 'Q8_0', 'BF16', 'F16', 'F32'];

/**
 * The files to fetch for a reference, in the order of their parts.
 * Errors: `model_not_found` (names the quantisations there are), `ambiguous_model` (names the files that fit).
 */
export function selectFiles(reference: HubReference, listing: readonly HubFile[]): readonly HubFile[] {
  const candidates = toCandidates(listing);
  const chosen = choose(reference, candidates);
  if (chosen.files.length !== chosen.parts) {
    throw new TuttiError(
      'model_not_found',
      `${reference.repository} has only ${chosen.files.length} of the ${chosen.parts} parts of ${chosen.name}. Choose another quantisation${offer(candidates)}.`,
      { details: { quantisations: namesOf(candidates) } },
    );
  }
  return chosen.files;
}

function choose({ repository, choice }: HubReference, candidates: readonly Candidate[]): Candidate {
  const quantisations = namesOf(candidates);
  switch (choice.by) {
    case 'file': {
      const found = candidates.find((one) => one.files.some((file) => file.path === choice.path));
      if (found !== undefined) return found;
      const files = candidates.map((one) => one.files[0]?.path ?? one.name);
      throw new TuttiError(
        'model_not_found',
        `${repository} has no file ${choice.path}. It has ${files.length === 0 ? 'no GGUF file' : files.slice(0, 20).join(', ')}.`,
        { details: { files } },
      );
    }
    case 'quantisation': {
      const wanted = choice.name.toUpperCase();
      const fitting = candidates.filter((one) => one.quantisation === wanted);
      return only(repository, wanted, fitting, () => {
        throw new TuttiError('model_not_found', `${repository} has no ${wanted}${offer(candidates)}.`, {
          details: { quantisations },
        });
      });
    }
    case 'default': {
      if (candidates.length === 1) return candidates[0]!; // its length was asked for
      const usual = USUAL.find((name) => quantisations.includes(name));
      const fitting = candidates.filter((one) => usual !== undefined && one.quantisation === usual);
      return only(repository, usual ?? 'file', fitting, () => {
        throw new TuttiError(
          candidates.length === 0 ? 'model_not_found' : 'ambiguous_model',
          candidates.length === 0
            ? `${repository} has no GGUF file. Look for a repository of the same model whose name ends in -GGUF.`
            : `${repository} has several models${offer(candidates)}. Say which, as in hf:${repository}:${quantisations[0] ?? candidates[0]?.name}.`,
          { details: { quantisations, files: candidates.map((one) => one.name) } },
        );
      });
    }
    default:
      return choice satisfies never;
  }
}

function only(repository: string, what: string, fitting: readonly Candidate[], none: () => never): Candidate {
  const [first, ...others] = fitting;
  if (first === undefined) return none();
  if (others.length === 0) return first;
  const files = fitting.map((one) => one.files[0]?.path ?? one.name);
  throw new TuttiError(
    'ambiguous_model',
    `${repository} has several files of ${what}: ${files.join(', ')}. Name one, as in hf:${repository}/${files[0]}.`,
    {
      details: { files },
    },
  );
}

function toCandidates(listing: readonly HubFile[]): readonly Candidate[] {
  const split = new Map<string, { parts: number; files: HubFile[] }>();
  const candidates: Candidate[] = [];
  for (const file of listing) {
    if (!/\.gguf$/i.test(file.path) || COMPANION.test(file.path) || isUnsafe(file.path)) continue;
    const groups = SPLIT.exec(file.path)?.groups;
    if (groups === undefined) {
      const name = file.path.replace(/\.gguf$/i, '');
      candidates.push({ name, quantisation: quantisationOf(name), files: [file], parts: 1 });
      continue;
    }
    const key = `${groups['stem']} ${groups['parts']}`;
    const group = split.get(key) ?? { parts: Number(groups['parts']), files: [] };
    group.files.push(file);
    split.set(key, group);
  }
  for (const [key, { parts, files }] of split) {
    const name = key.slice(0, key.lastIndexOf(' '));
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    candidates.push({ name, quantisation: quantisationOf(name), files, parts });
  }
  return candidates;
}

/** The quantisation that a file name ends with, in capitals: `Qwen3-0.6B-Q4_K_M` → `Q4_K_M`. */
export function quantisationOf(name: string): string | null {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return [...file.matchAll(QUANTISATION)].at(-1)?.groups?.['name']?.toUpperCase() ?? null;
}

function namesOf(candidates: readonly Candidate[]): readonly string[] {
  return [...new Set(candidates.flatMap((one) => one.quantisation ?? []))].sort();
}

function offer(candidates: readonly Candidate[]): string {
  const names = namesOf(candidates);
  return names.length === 0 ? '' : `; it has ${names.join(', ')}`;
}
