import { describe, expect, test } from 'vitest';
import { numberKey, numbersIn, parseNumber, resultOf } from './number.ts';

describe('a number as models write it', () => {
  test.each([
    ['42', 42],
    ['-7', -7],
    ['−7', -7],
    ['1,234,567', 1234567],
    ['1{,}234', 1234],
    ['276\\,000', 276000],
    ['12 500', 12500],
    ['$18.50', 18.5],
    ['\\$5', 5],
    ['72 clips', 72],
    ['18 dollars per day.', 18],
    ['5 \\text{ meters}', 5],
    ['12 cm^2', 12],
    ['90^\\circ', 90],
    ['90°', 90],
    ['50%', 50],
    ['50\\%', 50],
    ['3/4', 0.75],
    ['\\frac{3}{4}', 0.75],
    ['-\\dfrac{14}{5}', -2.8],
    ['\\frac12', 0.5],
    ['\\frac{\\sqrt{3}}{2}', Math.sqrt(3) / 2],
    ['2 1/2', 2.5],
    ['2\\frac{1}{2}', 2.5],
    ['1½', 1.5],
    ['2\\sqrt{3}', 2 * Math.sqrt(3)],
    ['\\sqrt[3]{27}', 3],
    ['√2', Math.SQRT2],
    ['2^{10}', 1024],
    ['4\\pi', 4 * Math.PI],
    ['3 \\cdot 5', 15],
    ['3 × 5', 15],
    ['(80 + 150) * 2', 460],
    ['5!', 120],
    ['1.5e6', 1.5e6],
    ['1.2 million', 1.2e6],
    ['twelve', 12],
    ['$\\boldsymbol{}', null],
  ])('%s', (text, value) => {
    const parsed = parseNumber(text);
    if (value === null) expect(parsed).toBeNull();
    else expect(parsed).toBeCloseTo(value, 9);
  });

  test.each([
    '',
    'Paris',
    '2x',
    '91 - 2x',
    'x + 1',
    '6, 4, 2, 1',
    '7, 5',
    '(2, 3)',
    '10:30',
    'DJ05',
    '1/0',
    '25 or 26',
    'infinity',
  ])('is not %j', (text) => {
    expect(parseNumber(text)).toBeNull();
  });

  test('deep nesting and long text are no number rather than an overflow', () => {
    expect(parseNumber('('.repeat(300) + '1' + ')'.repeat(80))).toBeNull();
    expect(parseNumber('('.repeat(5000) + '1')).toBeNull();
    expect(parseNumber('1+'.repeat(5000) + '1')).toBeNull();
  });

  test('two numbers are the same in nine digits', () => {
    expect(numberKey(1 / 3)).toBe(numberKey(0.33333333333));
    expect(numberKey(0.1 + 0.2)).toBe(numberKey(0.3));
    expect(numberKey(-0)).toBe('0');
    expect(numberKey(0.33)).not.toBe(numberKey(1 / 3));
  });
});

test('in prose, signs are told from subtractions, and codes, times and versions are no numbers', () => {
  expect(numbersIn('She sold 1,200 clips in May, 48/2 in June and lost -3.')).toEqual([1200, 24, -3]);
  expect(numbersIn('15-3 gives $12.50 at 10:30 in B2B, see 1.2.3')).toEqual([15, 3, 12.5]);
});

test('the result is what the last equals sign leads to', () => {
  expect(resultOf('x = 5')).toBe(5);
  expect(resultOf('67500 + 11250 + 30000 = 108750')).toBe(108750);
  expect(resultOf('d ≈ 155 mm')).toBe(155);
  expect(resultOf('no number here')).toBeNull();
});
