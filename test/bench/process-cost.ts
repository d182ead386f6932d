import { readdirSync, readFileSync } from "node:fs";

/** `_SC_CLK_TCK` of Linux on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time of a process and of all its children, those that have ended included, in ms. Linux only. */
export function cpuMs(pid: number): number {
  const children = childrenByParent();
  const ticksOf = (one: number, withEnded: boolean): number => {
    const fields = statOf(one);
    if (fields === undefined) return 0;
    const own = field(fields, 11) + field(fields, 12);
    const ended = withEnded ? field(fields, 13) + field(fields, 14) : 0;
    return own + ended + (children.get(one) ?? []).reduce((sum, child) => sum + ticksOf(child, true), 0);
  };
  return (ticksOf(pid, true) * 1_000) / TICKS_PER_SECOND;
}

/** Resident memory of a process alone, in MB. */
export function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kb ?? Number.NaN) / 1_024;
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const fields = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (fields === undefined) continue;
    const parent = field(fields, 1);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

/** The fields of proc(5) `stat` that follow the name, from `state` on. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // ended between the listing and the reading
  }
}

function field(fields: readonly string[], index: number): number {
  return Number(fields[index] ?? 0);
}
