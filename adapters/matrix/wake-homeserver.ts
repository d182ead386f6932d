import { toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { Account } from "./account.ts";
import { SERVICE_ID } from "./registration.ts";

/** Pauses before the tries, in ms: the homeserver asks back, and whoever just starts may not be listening yet. */
const PAUSES_MS = [0, 1_000, 2_000, 5_000, 15_000] as const;
const TIMEOUT_MS = 30_000;

/**
 * Tells the homeserver that the application service is there, so that it pushes at once what it kept: by itself it tries again
 * after a pause that grows to eight and a half minutes. Never rejects; a homeserver that knows no such call tries by itself.
 *
 * https://spec.matrix.org/v1.19/application-service-api/#pinging
 */
export async function wakeHomeserver(account: Account, signal: AbortSignal): Promise<void> {
  for (const pauseMs of PAUSES_MS) {
    try {
      await abortableSleep(pauseMs, signal);
      await account.call({
        method: "POST",
        label: "ping",
        path: `/_matrix/client/v1/appservice/${encodeURIComponent(SERVICE_ID)}/ping`,
        body: {},
        signal,
        timeoutMs: TIMEOUT_MS,
      });
      return;
    } catch (error) {
      if (signal.aborted || toParleyError(error).row.retry === "never") return;
    }
  }
}
