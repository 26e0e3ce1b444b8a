/** Arithmetic on numbers that were written, in Python's order of operators. */

/** `2021-12-31` without quotes is a date, not a subtraction. */
export function isDate(source: string): boolean {
  return /^\d{1,4}\s*[-/]\s*\d{1,2}\s*[-/]\s*\d{1,4}$/.test(source);
}

/** Arithmetic on numbers and the joining of strings; `undefined` for anything else. */
export function compute(terms: readonly unknown[], operators: readonly string[]): unknown {
  if (terms.every((term) => typeof term === 'string') && operators.every((operator) => operator === '+')) return terms.join('');
  const numbers = terms.filter((term) => typeof term === 'number');
  if (numbers.length !== terms.length) return undefined;
  const left = [...operators];
  for (const level of [['**'], ['*', '/', '//', '%'], ['+', '-']]) {
    const rightFirst = level[0] === '**';
    for (let at = rightFirst ? left.length - 1 : 0; at >= 0 && at < left.length;) {
      const operator = left[at]!; // at < left.length
      if (level.includes(operator)) {
        numbers.splice(at, 2, apply(operator, numbers[at]!, numbers[at + 1]!)); // one number more than operators
        left.splice(at, 1);
        if (rightFirst) at--;
      } else at += rightFirst ? -1 : 1;
    }
  }
  const result = numbers[0]!; // every operator took one of the numbers away
  return Number.isFinite(result) ? result : undefined;
}

function apply(operator: string, a: number, b: number): number {
  switch (operator) {
    case '**':
      return a ** b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return ((a % b) + b) % b; // of the sign of the divisor, as in Python
    case '+':
      return a + b;
    default:
      return a - b;
  }
}
