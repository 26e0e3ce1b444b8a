import { expect, test } from 'vitest';
import { count, type VitestReport } from '../../scripts/test-count.ts';

const report = (passed: number, failed: number, ...files: [status: string, ...tests: string[]][]): VitestReport => ({
  numPassedTests: passed,
  numFailedTests: failed,
  testResults: files.map(([status, ...tests]) => ({ status, assertionResults: tests.map((one) => ({ status: one })) })),
});

test.each([
  ['tests that pass', report(2, 0, ['passed', 'passed', 'passed']), true, { passed: 2, failed: 0 }],
  ['a test that fails', report(1, 1, ['failed', 'passed', 'failed']), false, { passed: 1, failed: 1 }],
  ['a file that cannot be loaded', report(1, 0, ['passed', 'passed'], ['failed']), false, { passed: 1, failed: 1 }],
  ['a file whose clean-up fails', report(1, 0, ['failed', 'passed']), false, { passed: 1, failed: 1 }],
  ['an error outside every test', report(1, 0, ['passed', 'passed']), false, { passed: 1, failed: 1 }],
  ['no report', null, false, { passed: 0, failed: 1 }],
])('%s', (_, given, ok, expected) => {
  expect(count(given, ok)).toEqual(expected);
});
