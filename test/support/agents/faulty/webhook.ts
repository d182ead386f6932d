import { setTimeout as pause } from "node:timers/promises";
import { WebhookAgent, type WebhookBehaviour, type WebhookCall } from "../webhook-agent.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, GIB, HALF, NEVER, ODD, SEEN_MS } from "./fault.ts";

const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

const text = (markdown: string) => ({ type: "text_delta", markdown });
const reply = (body: unknown): WebhookBehaviour => ({ kind: "respond", body: JSON.stringify(body) });
const lines = (piece: unknown, sizeBytes: number): WebhookBehaviour => ({
  kind: "flood",
  contentType: "application/x-ndjson",
  opening: "",
  piece: `${JSON.stringify(piece)}\n`,
  sizeBytes,
});

export const faultyWebhook: FaultyKind = {
  impossible: {},
  sees: {},
  audited: { twice: "reply_used", late: "reply_ended" },
  turnTimeoutMs: 6_000,
  idleTimeoutMs: 2_500,
  async start(fault, { tooLate }) {
    let isWell = false;
    const agent = await WebhookAgent.start((call) => (isWell ? reply({ text: FINE }) : show(fault, call, tooLate)));
    return {
      connector: { kind: "webhook", url: agent.url, secret: SECRET },
      recover() {
        isWell = true;
      },
      asked: () => agent.calls.length,
      open: () => agent.server.openConnections,
      stop: () => agent.stop(),
    };
  },
};

async function show(fault: Fault, call: WebhookCall, tooLate: Promise<void>): Promise<WebhookBehaviour> {
  const address = call.body?.reply_url ?? "";
  switch (fault) {
    case "hang":
      return { kind: "hang" };
    case "drip":
      return { kind: "drip", everyMs: DRIP_MS };
    case "crash_midway": {
      const events = [text(HALF), text("it ")];
      return { kind: "stream", as: "ndjson", events, gate: () => pause(SEEN_MS / 2), ending: "reset" };
    }
    case "bad_json":
      return { kind: "respond", body: '{"text": "half' };
    case "bad_schema":
      return reply({ parts: [{ type: "text", markdown: 7 }] });
    case "odd_characters":
      return reply({ text: ODD });
    case "many_parts":
      return lines({ type: "part", part: { type: "text", markdown: "x" } }, 100_000 * 54);
    case "nesting":
      return { kind: "respond", body: "[".repeat(1_000_000) };
    case "endless":
      return lines(text("x".repeat(1_000)), GIB);
    case "twice":
      return { kind: "defer", reply: { text: "once" }, times: 2 };
    case "late":
      void tooLate.then(() => post(address, NEVER));
      return { kind: "respond", status: 202 };
    case "other_turn": {
      const [id = ""] = address.slice(address.lastIndexOf("/") + 1).split(".");
      const other = Buffer.from(`${Buffer.from(id, "base64url").toString()}x`).toString("base64url");
      await post(address.replace(id, other), NEVER);
      return reply({ text: "once" });
    }
    case "poison":
      return { kind: "crash" };
  }
}

async function post(url: string, words: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  await fetch(url, { method: "POST", headers, body: JSON.stringify({ text: words }) });
}
