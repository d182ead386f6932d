import { useEffect, useRef, useState } from "react";
import { failureText } from "../state/failures.ts";

/** Longest time until a choice that counts shows in the message, in ms. */
const COUNTS_WITHIN_MS = 8_000;

/**
 * A choice on its way: it counts once the message itself says so, which takes its place for everybody at once. Where nothing came of it
 * (somebody else was first, or it was refused and the person was told), it can be made again.
 */
export function useChoice(): {
  readonly pending: boolean;
  readonly error: string | undefined;
  readonly make: (send: () => Promise<unknown>) => Promise<void>;
} {
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<string>();
  const timer = useRef<number>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  return {
    pending,
    error,
    async make(send) {
      setPending(true);
      setError(undefined);
      try {
        await send();
        timer.current = window.setTimeout(() => setPending(false), COUNTS_WITHIN_MS);
      } catch (failure) {
        setPending(false);
        setError(failureText(failure));
      }
    },
  };
}
