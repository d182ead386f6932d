/** Least strength of a secret that signs or seals something: 128 bits, so that guessing it is out of reach. */
export const MIN_SECRET_BITS = 128;

const MIN_DISTINCT_CHARACTERS = 8;
const PLACEHOLDER =
  /change[-_ ]?me|placeholder|example|your[-_ ]|secret[-_ ]?key|password|replace[-_ ]?(this|me)|xxxx/i;

/** Says why a value is no secret at all (blank, a placeholder, far too regular), or undefined when it could be one. */
export function placeholderReason(value: string): string | undefined {
  if (value.trim() === "") return "is blank";
  if (PLACEHOLDER.test(value)) return "is a placeholder";
  return undefined;
}

/** Guarantees never more bits than a random string of this length and alphabet can have; repetition counts once. */
export function estimateBits(value: string): number {
  if (new Set(value).size < MIN_DISTINCT_CHARACTERS) return 0;
  return shortestPeriod(value) * Math.log2(alphabetSize(value));
}

function alphabetSize(value: string): number {
  // A hexadecimal secret has 4 bits a character, also when its letters would fit a larger alphabet.
  if (/^[0-9a-f]+$/.test(value) || /^[0-9A-F]+$/.test(value)) return 16;
  const classes: readonly (readonly [RegExp, number])[] = [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[0-9]/, 10],
    [/[^a-zA-Z0-9]/, 2],
  ];
  return classes.reduce((size, [pattern, count]) => (pattern.test(value) ? size + count : size), 0);
}

/** Length of the shortest piece whose repetition gives the whole string: `abcabcab` has 3. */
function shortestPeriod(value: string): number {
  const doubled = value + value;
  for (let period = 1; period < value.length; period += 1) {
    if (doubled.startsWith(value, period)) return period;
    if (period <= value.length / 2 && value.slice(period) === value.slice(0, value.length - period)) return period;
  }
  return value.length;
}
