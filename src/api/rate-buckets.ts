import { createHash } from "node:crypto";
import type { ApiPrincipal } from "../contracts/api-token.ts";
import type { OperatorAccess } from "./operator-access.ts";

const MAX_KNOWN = 10_000;

export interface RateBuckets {
  /** Whose requests count together: those of one valid token, and of one address otherwise, so that a stranger uses up nobody's. */
  keyOf(token: string | undefined, address: string): string;
  /** Wraps the look into the ledger, so that a token which it knew has a bucket of its own from then on. */
  watch(verify: Verify): Verify;
}

type Verify = (token: string) => Promise<ApiPrincipal | undefined>;

/** Guarantees that counting a request costs no look into the ledger, and that made-up tokens give nobody another bucket. */
export function createRateBuckets(operator: Pick<OperatorAccess, "verify">): RateBuckets {
  const known = new Set<string>();
  return {
    keyOf(token, address) {
      if (token === undefined) return `address:${address}`;
      const digest = digestOf(token);
      return known.has(digest) || operator.verify(token) ? `token:${digest}` : `address:${address}`;
    },
    watch: (verify) => async (token) => {
      const principal = await verify(token);
      const digest = digestOf(token);
      known.delete(digest);
      if (principal !== undefined) {
        if (known.size >= MAX_KNOWN) known.clear();
        known.add(digest);
      }
      return principal;
    },
  };
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
