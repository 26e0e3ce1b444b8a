/** Pages of lists that have the newest first: where one ends, and the text by which a client asks for the next. */

/** An entry's place in the list. Two of one moment are told apart by their ids. */
export interface Position {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly id: string;
}

/** How many entries a page has: as asked, but at least one and at most `most`. */
export function pageSize(asked: number | undefined, { otherwise, most }: { otherwise: number; most: number }): number {
  return Math.min(Math.max(Math.trunc(asked ?? otherwise), 1), most);
}

/** Whether `a` comes after `b` in a list that has the newest first. */
export function isBelow(a: Position, b: Position): boolean {
  return a.at < b.at || (a.at === b.at && a.id < b.id);
}

export function toCursor({ at, id }: Position): string {
  return Buffer.from(`${at} ${id}`).toString('base64url');
}

/** null: no cursor that `toCursor` has given. */
export function fromCursor(cursor: string): Position | null {
  const [, at, id] = /^(\d{1,16}) (.+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  return at === undefined || id === undefined ? null : { at: Number(at), id };
}
