/** `tutti config check`: says whether the config is good, and where it is not. */
import type { CommandRun } from '../commands.ts';
import { TuttiError } from '../../errors/error.ts';
import { formatIssue, type ConfigIssue } from '../../config/issues.ts';

export const run: CommandRun = async ({ loadConfig, output }) => {
  try {
    const { file, warnings } = (await loadConfig()).loaded;
    if (output.json) output.data({ ok: true, file, warnings });
    else {
      output.line(file === null ? 'There is no config file; the defaults are good.' : `${file} is good.`);
      for (const warning of warnings) output.line(`Warning: ${warning}`);
    }
    return 0;
  } catch (error) {
    const failure = TuttiError.from(error);
    if (!['config_invalid', 'environment_missing', 'config_not_found'].includes(failure.code)) throw error;
    const issues = (failure.details.issues ?? []) as readonly ConfigIssue[];
    if (output.json) output.data({ ok: false, code: failure.code, message: failure.message, issues });
    else output.note(issues.length > 0 ? issues.map(formatIssue).join('\n') : failure.message);
    return 2;
  }
};
