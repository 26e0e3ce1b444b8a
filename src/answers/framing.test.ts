import { describe, expect, it } from 'vitest';
import { contextPrompt, draftPrompt, joinContext } from './framing.ts';

describe('joinContext', () => {
  it('gives a single piece as it stands, and several under their sources', () => {
    const vision = { source: 'vision', text: 'A red car.\n' };
    expect(joinContext([])).toBe('');
    expect(joinContext([vision, { source: 'web_search', text: ' ' }])).toBe('A red car.');
    expect(joinContext([vision, { source: 'notes', text: 'It is late.' }])).toBe('[vision]\nA red car.\n\n[notes]\nIt is late.');
  });
});

describe('contextPrompt', () => {
  it('puts what is known before the question, in the form that the embedded models know', () => {
    expect(contextPrompt('Paula has a car.', 'What has Paula?')).toBe('Context:\nPaula has a car.\n\nQuestion: What has Paula?');
    expect(contextPrompt(' ', 'What has Paula?')).toBe('What has Paula?');
  });
});

describe('draftPrompt', () => {
  it('puts the draft after the question, with what a reviewer says of it', () => {
    expect(draftPrompt('2 + 2', '5')).toBe('2 + 2\n\nDraft answer: 5\nGive the right answer.');
    expect(draftPrompt('2 + 2', '5', 'Too large.')).toBe('2 + 2\n\nDraft answer: 5\nReview: Too large.\nGive the right answer.');
  });
});
