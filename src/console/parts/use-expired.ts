import { useEffect, useState } from "react";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** True once `expiresInMs` have passed since `createdAt`; never for a question without an end. */
export function useExpired(createdAt: string, expiresInMs: number | undefined): boolean {
  const endMs = expiresInMs === undefined ? undefined : Date.parse(createdAt) + expiresInMs;
  const [, setTick] = useState(0);
  useEffect(() => {
    const leftMs = endMs === undefined ? 0 : endMs - Date.now();
    if (leftMs <= 0) return;
    const timer = window.setTimeout(() => setTick((tick) => tick + 1), Math.min(leftMs, LONGEST_TIMER_MS));
    return () => window.clearTimeout(timer);
  }, [endMs]);
  return endMs !== undefined && Date.now() >= endMs;
}
