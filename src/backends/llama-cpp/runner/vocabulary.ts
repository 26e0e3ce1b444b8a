/** From token ids to bytes and back. One per loaded model. */
import { TuttiError } from '../../../errors/error.ts';
import { ATTRIBUTE, nativeModel, type LlamaModel, type NativeModel } from './native.ts';

export interface TokenPiece {
  /** What the token adds to the answer, also when that is only a part of a character. */
  readonly bytes: Uint8Array;
  /** A control token: a marker of the template, not text. */
  readonly control: boolean;
}

/** Stands in rendered prompts where a token must not reach across. No real text holds this private character. */
export const SEAM = '\uF8F1';

/** Shorter texts are counted exactly: it takes some hundredths of a second. */
const ALWAYS_COUNTED = 65_536;
const SAMPLE = 16_384;

export class Vocabulary {
  readonly size: number;
  readonly #native: NativeModel;
  readonly #kind: string;
  readonly #bos: number | null;
  readonly #pieces = new Map<number, TokenPiece>();
  #survey: { readonly markers: RegExp | null; readonly longest: number } | null = null;

  constructor(model: LlamaModel) {
    this.#native = nativeModel(model);
    this.#kind = String(model.vocabularyType);
    this.#bos = model.tokens.bos;
    const tokens: unknown = model.fileInfo.metadata.tokenizer.ggml.tokens;
    this.size = Array.isArray(tokens) ? tokens.length : 0;
  }

  ends(token: number): boolean {
    return this.#native.isEogToken(token);
  }

  /** Ids of plain text: nothing in it becomes a control token. */
  plain(text: string): number[] {
    return Array.from(this.#native.tokenize(text, false));
  }

  /**
   * About how many tokens a text has that is certainly more than `limit` tokens; null when it must be counted to know. Reading
   * megabytes token by token would keep all calls of this process waiting.
   */
  farBeyond(limit: number, text: string): number | null {
    if (text.length <= Math.max(limit * this.#look().longest, ALWAYS_COUNTED)) return null;
    return Math.max(limit + 1, Math.round((this.plain(text.slice(0, SAMPLE)).length / SAMPLE) * text.length));
  }

  /** Ids of a rendered prompt, with the beginning-of-sequence token where the model wants one. */
  prompt(rendered: string): Uint32Array {
    const ids: number[] = [];
    for (const part of rendered.split(SEAM)) if (part !== '') for (const id of this.#native.tokenize(part, true)) ids.push(id);
    if (this.#bos !== null && this.#native.shouldPrependBosToken() && ids[0] !== this.#bos) ids.unshift(this.#bos);
    return Uint32Array.from(ids);
  }

  /**
   * Text from outside must not bring its own control tokens (`<|im_end|>` in a user's message would end the message):
   * wherever it spells one, a seam keeps the letters apart.
   */
  inert(text: string): string {
    const { markers } = this.#look();
    const clean = text.replaceAll(SEAM, '');
    return markers === null ? clean : clean.replace(markers, (marker) => marker.slice(0, 1) + SEAM + marker.slice(1));
  }

  /** The id of a control or user-defined token, when `text` is one. */
  single(text: string): number | null {
    const ids = this.#native.tokenize(text, true);
    return ids.length === 1 && this.#native.getTokenString(ids[0] ?? -1) === text ? (ids[0] ?? null) : null;
  }

  piece(token: number): TokenPiece {
    let piece = this.#pieces.get(token);
    if (piece === undefined) this.#pieces.set(token, (piece = this.#read(token)));
    return piece;
  }

  checkToken(token: number, param: string): void {
    if (!Number.isInteger(token) || token < 0 || token >= this.size)
      throw new TuttiError(
        'invalid_request',
        `${param} names token ${token}, but the vocabulary has tokens 0 to ${this.size - 1}.`,
        { param },
      );
  }

  #read(token: number): TokenPiece {
    const attributes = this.#native.getTokenAttributes(token);
    const text = this.#native.getTokenString(token);
    const control = (attributes & ATTRIBUTE.control) !== 0;
    if ((attributes & (ATTRIBUTE.control | ATTRIBUTE.userDefined)) !== 0) return { bytes: Buffer.from(text), control };
    const hex = (attributes & ATTRIBUTE.byte) === 0 ? null : /^<0x([0-9A-Fa-f]{2})>$/.exec(text);
    if (hex !== null) return { bytes: Uint8Array.of(Number.parseInt(hex[1] ?? '', 16)), control };
    if (this.#kind === 'bpe') return { bytes: fromByteLevel(text), control };
    if (this.#kind === 'spm' || this.#kind === 'ugm') return { bytes: Buffer.from(text.replaceAll('▁', ' ')), control };
    return { bytes: Buffer.from(this.#native.detokenize(Uint32Array.of(token), true)), control };
  }

  /** Looks once at every token: those that a text must not spell, and how many characters of text one covers at most. */
  #look(): { readonly markers: RegExp | null; readonly longest: number } {
    if (this.#survey !== null) return this.#survey;
    const texts: string[] = [];
    let longest = 1;
    for (let token = 0; token < this.size; token++) {
      const text = this.#native.getTokenString(token);
      const attributes = this.#native.getTokenAttributes(token);
      if ((attributes & ATTRIBUTE.control) === 0) longest = Math.max(longest, text.length);
      if ((attributes & (ATTRIBUTE.control | ATTRIBUTE.userDefined)) === 0) continue;
      // One letter cannot be kept apart, and runs of spaces (user-defined in some vocabularies) mark nothing.
      if (text.length > 1 && text.trim() === text) texts.push(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    }
    texts.sort((a, b) => b.length - a.length);
    this.#survey = { markers: texts.length === 0 ? null : new RegExp(texts.join('|'), 'g'), longest };
    return this.#survey;
  }
}

/**
 * Byte-level BPE writes each byte as one visible character: printable Latin-1 as itself, the others from U+0100 on
 * (GPT-2's `bytes_to_unicode`).
 */
const BYTE_OF = new Map<string, number>();
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  BYTE_OF.set(String.fromCodePoint(printable ? byte : next++), byte);
}

function fromByteLevel(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return Buffer.from(text);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
