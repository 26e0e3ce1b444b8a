import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** Where a program is that a command names, as `spawn` finds it: by its path, or in the folders of PATH. Null when nowhere. */
export async function findProgram(name: string, cwd = '.', path = process.env['PATH'] ?? ''): Promise<string | null> {
  const places = name.includes('/')
    ? [isAbsolute(name) ? name : resolve(cwd, name)]
    : path.split(delimiter).map((folder) => join(folder, name));
  for (const place of places) {
    const runnable = await access(place, constants.X_OK).then(
      () => true,
      () => false, // not here: on to the next folder
    );
    if (runnable) return place;
  }
  return null;
}
