import { setTimeout as delay } from "node:timers/promises";
import type { ParleyProcess } from "../support/parley/index.ts";

/** How many new events the process has stored since it started; 0 while it does not answer. */
async function eventsTaken({ url }: ParleyProcess): Promise<number> {
  const metrics = await fetch(`${url}/metrics`).then(
    (answer) => answer.text(),
    () => "",
  );
  let sum = 0;
  for (const [, labels = "", count = "0"] of metrics.matchAll(/^parley_events_total\{([^}]*)\} (\d+)$/gmu))
    if (labels.includes('outcome="stored"')) sum += Number(count);
  return sum;
}

/** Resolves when the process has stored so many events, or after `withinMs`. */
export async function untilTaken(parley: ParleyProcess, count: number, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline && (await eventsTaken(parley)) < count) await delay(200);
}
