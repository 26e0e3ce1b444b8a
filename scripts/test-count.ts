/** The part of vitest's JSON report that is counted. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[];
}

/**
 * How many tests passed and failed. A file that could not be loaded has no test that failed, and neither has an error
 * outside every test: both count as one failure, so that the number is never 0 when something is wrong.
 *
 * @param report null when vitest wrote none
 * @param ok whether vitest ended with success
 */
export function count(report: VitestReport | null, ok: boolean): { passed: number; failed: number } {
  if (report === null) return { passed: 0, failed: 1 };
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + broken;
  return { passed: report.numPassedTests, failed: failed === 0 && !ok ? 1 : failed };
}
