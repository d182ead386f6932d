import { z } from "zod";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { checkCallableUrl } from "./address-policy.ts";

/** An agent's address in a configuration, refused by what `checkCallableUrl` says of its spelling; at most 2048 characters. */
export const CallableUrl = z
  .string()
  .max(2048)
  .superRefine((text, context) => {
    try {
      checkCallableUrl(text);
    } catch (thrown) {
      const message = thrown instanceof ParleyError ? (thrown.detail ?? thrown.message) : "cannot be called";
      context.addIssue({ code: "custom", message });
    }
  });
