import { describe, expect, it } from 'vitest';
import { confidenceOfVerdict, isVerdict, readVerdict, remarksOf, verifyPrompt, type Verdict } from './verdict.ts';

describe('verifyPrompt', () => {
  it('asks in the form that the embedded models know', () => {
    expect(verifyPrompt('2 + 2', '5')).toBe('Question: 2 + 2\nAnswer: 5\nIs the answer right? Reply yes or no.');
  });
});

describe('readVerdict', () => {
  const ANSWER = '42';
  const cases: readonly (readonly [said: string, verdict: Verdict['verdict'], correction?: string])[] = [
    ['yes', 'approved'],
    ['Yes.', 'approved'],
    ['Approved', 'approved'],
    ['**Approved**: the sum is right.', 'approved'],
    ['The answer is correct.', 'approved'],
    ['I checked it, and it looks good to me.', 'approved'],
    ['I get 42. Yes.', 'approved'],
    ['No errors found.', 'approved'],
    ['No issues. The answer is correct.', 'approved'],
    ['<think>Is it wrong? No.</think>Yes', 'approved'],
    ['Verdict: approved\nReason: it adds up', 'approved'],
    ['{"verdict": "approved", "reason": "fine"}', 'approved'],
    ['```json\n{"approved": true}\n```', 'approved'],
    ['no', 'rejected'],
    ['No.', 'rejected'],
    ['Rejected because the unit is missing.', 'rejected'],
    ['The answer is not correct.', 'rejected'],
    ['This is wrong, I think.', 'rejected'],
    ["That isn't right.", 'rejected'],
    ['No, that is wrong.', 'rejected'],
    ['I get 46. No.', 'rejected', '46'],
    ['I get carol. No.', 'rejected', 'carol'],
    ['I get 4.5. No.', 'rejected', '4.5'],
    ['No, it is 46.', 'rejected', '46'],
    ['No, 46.', 'rejected', '46'],
    ['No. The correct answer is "46".', 'rejected', '46'],
    ['Incorrect. The right answer is 4.6, not 42.', 'rejected', '4.6'],
    ['The answer is wrong; it should be 46.', 'rejected', '46'],
    ['{"verdict": "rejected", "reason": "a slip", "correction": "46"}', 'rejected', '46'],
    ['{"verdict": "REJECTED", "issues": ["a", "b"], "corrected_answer": 46}', 'rejected', '46'],
    ['{"isCorrect": false, "correctAnswer": 46}', 'rejected', '46'],
    ['', 'uncertain'],
    ["I don't know.", 'uncertain'],
    ["I'm not sure.", 'uncertain'],
    ['Uncertain: the source is not named.', 'uncertain'],
    ['Blue.', 'uncertain'],
    ['{"verdict": "uncertain", "reason": "no source"}', 'uncertain'],
  ];
  for (const [said, verdict, correction] of cases) {
    it(`reads ${JSON.stringify(said)} as ${verdict}${correction === undefined ? '' : `, with ${correction}`}`, () => {
      const read = readVerdict(said, ANSWER);
      expect([read.verdict, read.correction]).toEqual([verdict, correction]);
    });
  }

  it('takes a verifier that contradicts itself for uncertain', () => {
    expect(readVerdict('I get 42. No.', ANSWER).verdict).toBe('uncertain');
    expect(readVerdict('I get 42.0. No.', ANSWER).verdict).toBe('uncertain');
    expect(readVerdict('I get 46. Yes.', ANSWER).verdict).toBe('uncertain');
  });

  it('gives the reason of JSON, else all that was said', () => {
    expect(readVerdict('{"verdict":"rejected","reason":"off by one"}', ANSWER).reason).toBe('off by one');
    expect(readVerdict('{"verdict":"rejected","issues":["off by one","no unit"]}', ANSWER).reason).toBe('off by one; no unit');
    expect(readVerdict('No, it is 46.', ANSWER).reason).toBe('No, it is 46.');
  });
});

describe('confidenceOfVerdict', () => {
  it('is the verifier’s own confidence when it approves, what is left of it and at most 0.3 when it rejects', () => {
    const sure = { score: 0.9, method: 'logprobs', calibrated: true } as const;
    const of = (verdict: Verdict['verdict'], verifier: typeof sure | null): number =>
      confidenceOfVerdict({ verdict, reason: '' }, verifier).score;
    expect([of('approved', sure), of('uncertain', sure)]).toEqual([0.9, 0.5]);
    expect(of('rejected', sure)).toBeCloseTo(0.1);
    expect(of('rejected', { ...sure, score: 0.2 } as never)).toBe(0.3);
    expect([of('approved', null), of('rejected', null)]).toEqual([1, 0.3]);
  });
});

describe('isVerdict', () => {
  it('tells a judgement from an answer', () => {
    expect(['No.', '{"verdict": "rejected"}', 'Correct!'].map((text) => isVerdict(text, '42'))).toEqual([true, true, true]);
    expect(['46', 'The right answer is 46.', '{"n": 46}'].map((text) => isVerdict(text, '42'))).toEqual([false, false, false]);
    expect(isVerdict('No.', 'Yes.')).toBe(false);
  });
});

describe('remarksOf', () => {
  it('is what tells more than that the answer is wrong', () => {
    const rejected = (reason: string): string => remarksOf({ verdict: 'rejected', reason });
    expect(['No.', 'That is wrong.', 'No. It has no tests.'].map(rejected)).toEqual(['', '', 'No. It has no tests.']);
  });
});
