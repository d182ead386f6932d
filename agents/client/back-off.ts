const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** Processes that end have many agents, which need not all come at once. */
const DRAIN_SPREAD_MS = 250;

/** How long to wait before the attempt of this number (from 1), in ms: doubling to half a minute, spread over the upper half of the time. */
export function backOffMs(attempt: number, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
  return longest / 2 + (random() * longest) / 2;
}

/** How long to wait after Parley has said that its process is about to end, in ms. */
export function drainPauseMs(random: () => number = Math.random): number {
  return random() * DRAIN_SPREAD_MS;
}
