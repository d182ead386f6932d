import { useEffect, useState } from "react";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** True once `expiresInMs` have passed since `createdAt`; never for a question without an end. */
export function useExpired(createdAt: string, expiresInMs: number | undefined): boolean {
  const endMs = expiresInMs === undefined ? Number.POSITIVE_INFINITY : Date.parse(createdAt) + expiresInMs;
  const [expired, setExpired] = useState(() => Date.now() >= endMs);
  useEffect(() => {
    const leftMs = endMs - Date.now();
    if (expired || leftMs > LONGEST_TIMER_MS) return;
    const timer = window.setTimeout(() => setExpired(true), leftMs);
    return () => window.clearTimeout(timer);
  }, [endMs, expired]);
  return expired;
}
