import { SocketModeClient } from "@slack/socket-mode";
import { quietLogger } from "./client-logger.ts";
import { asRecord } from "./raw.ts";
import type { SdkFetch } from "./sdk-connections.ts";

/** The SDK pings every third of this and takes a missing answer for a dead connection. */
const CLIENT_PING_TIMEOUT_MS = 3_000;
const OPEN_TIMEOUT_MS = 10_000;

/** What the SDK hands out per envelope. */
export interface SocketEnvelope {
  readonly type: string;
  readonly body: unknown;
  readonly ack: () => Promise<void>;
}

/**
 * One socket of the SDK without what endangers events.
 *
 * Its own reconnecting is off: in 3.1.0 it leaves a hole of 5 to 12 s at each refresh and can end the process by an unhandled
 * rejection (slackapi/node-slack-sdk#2656). A refresh that Slack asks for is reported as `refresh` instead of closing at once,
 * and an envelope that the SDK cannot read is passed on as `unreadable` instead of rejecting unhandled.
 */
export class GuardedSocketClient extends SocketModeClient {
  constructor(options: { readonly appToken: string; readonly apiUrl: string; readonly sdkFetch: SdkFetch }) {
    super({
      appToken: options.appToken,
      logger: quietLogger,
      autoReconnectEnabled: false,
      clientPingTimeout: CLIENT_PING_TIMEOUT_MS,
      clientOptions: {
        slackApiUrl: options.apiUrl.endsWith("/") ? options.apiUrl : `${options.apiUrl}/`,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        timeout: OPEN_TIMEOUT_MS,
        fetch: options.sdkFetch,
      },
    });
  }

  protected override async onWebSocketMessage(data: string | ArrayBuffer, isBinary: boolean): Promise<void> {
    if (isRefreshRequest(data)) {
      this.emit("refresh");
      return;
    }
    try {
      await super.onWebSocketMessage(data, isBinary);
    } catch {
      await this.#passOnUnreadable(data);
    }
  }

  /** Sends the envelope through the SDK once more under a type that it does not look into, so that it can be acknowledged. */
  async #passOnUnreadable(data: string | ArrayBuffer): Promise<void> {
    try {
      const envelope = typeof data === "string" ? asRecord(JSON.parse(data)) : undefined;
      if (typeof envelope?.["envelope_id"] !== "string") return;
      await super.onWebSocketMessage(JSON.stringify({ ...envelope, type: "unreadable" }), false);
    } catch {
      // Neither the SDK nor we can make anything of it; Slack sends it again.
    }
  }
}

/** `{"type":"disconnect","reason":"warning"|"refresh_requested"}`: the socket still works for some seconds. */
function isRefreshRequest(data: string | ArrayBuffer): boolean {
  if (typeof data !== "string" || data.length > 1_000 || !data.includes('"disconnect"')) return false;
  try {
    return asRecord(JSON.parse(data))?.["type"] === "disconnect";
  } catch {
    return false;
  }
}
