/** How a promise ended, and which it was. */
export type Ended<T> = PromiseSettledResult<T> & {
  /** Its place in the list given. */
  readonly index: number;
};

/**
 * The outcomes of promises in the order in which they settle; equal ones in the order of the list. Leaving the iteration
 * leaves the others to themselves: their rejections are taken care of.
 */
export async function* inOrderOfEnd<T>(promises: readonly Promise<T>[]): AsyncGenerator<Ended<T>> {
  const ended: Ended<T>[] = [];
  let wake: () => void = () => {};
  for (const [index, promise] of promises.entries()) {
    promise.then(
      (value) => (ended.push({ status: 'fulfilled', value, index }), wake()),
      (reason: unknown) => (ended.push({ status: 'rejected', reason, index }), wake()),
    );
  }
  for (let given = 0; given < promises.length; given++) {
    if (ended[given] === undefined) await new Promise<void>((resolve) => (wake = resolve));
    yield ended[given]!; // one more has ended
  }
}
