import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createWebhookConnector,
  generateWebhookSecret,
  verifyWebhook,
  WebhookConfig,
  type WebhookConnectorOptions,
} from "../../../agents/webhook/index.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { codeOf, collect, type Outcome, summarize, textOf } from "../../support/agents/collect.ts";
import { item, said, streamOf } from "../../support/agents/n8n-chat.ts";
import { message, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";
import { WebhookAgent, type WebhookBehaviour } from "../../support/agents/webhook-agent.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
let agent: WebhookAgent;

beforeEach(async () => {
  agent = await WebhookAgent.start();
});
afterEach(() => agent.stop());

async function turn(
  dialect: "n8n" | "callback",
  behaviour: WebhookBehaviour,
  given: {
    request?: TurnRequest;
    io?: ReturnType<typeof turnIo>;
    config?: object;
    options?: WebhookConnectorOptions;
  } = {},
): Promise<Outcome> {
  agent.behave = () => behaviour;
  const config = WebhookConfig.parse({ kind: "webhook", dialect, url: agent.url, ...given.config });
  const connector = createWebhookConnector(config, { network: LOOPBACK, ...given.options });
  try {
    return await collect(connector.invoke(given.request ?? turnRequest(), given.io ?? turnIo()));
  } finally {
    await connector.close();
  }
}

describe("the chat of n8n", () => {
  it("is asked as its own page asks it, under the session of agent and conversation", async () => {
    const transcript = [message({ text: "Earlier" })];
    const request = turnRequest({ trigger: message({ text: "What is new?" }), transcript, sessionKey: "s_42" });
    await turn(
      "n8n",
      { kind: "respond", body: '{"output":"Nothing"}' },
      { request, config: { authorization: "Basic eA==" } },
    );
    const [call] = agent.calls;
    expect(call?.headers).toMatchObject({ accept: "text/plain", authorization: "Basic eA==" });
    expect(call?.headers).not.toHaveProperty("webhook-signature");
    expect(JSON.parse(call?.rawBody ?? "")).toMatchObject({
      action: "sendMessage",
      sessionId: "s_42",
      chatInput: "What is new?",
      metadata: { agent: "helper", sender: { name: "Ann" }, transcript: [{ sender: "Ann", text: "Earlier" }] },
    });
  });

  it("is given the message's files as a form, signed where there is a secret", async () => {
    const secret = generateWebhookSecret();
    const media = { type: "media", mediaId: "f1", kind: "file", name: "plan.txt", mediaType: "text/plain" } as const;
    const request = turnRequest({ trigger: message({ text: "Read this", content: [media] }) });
    const io = turnIo({
      files: {
        read: async () => ({ bytes: Buffer.from("the plan"), mediaType: "text/plain", name: "plan.txt" }),
        url: () => undefined,
      },
    });
    const outcome = await turn(
      "n8n",
      { kind: "respond", body: '{"output":"Read"}' },
      { request, io, config: { secret } },
    );
    expect(textOf(outcome.events)).toBe("Read");
    const [call] = agent.calls;
    const contentType = String(call?.headers["content-type"]);
    expect(contentType).toMatch(/^multipart\/form-data; boundary=/);
    const form = await new Response(call?.rawBody, { headers: { "content-type": contentType } }).formData();
    expect(form.get("action")).toBe("sendMessage");
    expect(form.get("chatInput")).toBe("Read this");
    const file = form.get("files");
    expect(file instanceof File && [file.name, await file.text()]).toEqual(["plan.txt", "the plan"]);
    expect(verifyWebhook(call?.headers ?? {}, call?.rawBody ?? "", [secret], Date.now()).id).toBe(request.turnId);
  });

  it.each([
    ['{"output":"one"}', "one"],
    ['{\n  "text": "two"\n}', "two"],
    ['[{"message":"three"}]', "three"],
    ['{"output":""}', ""],
  ])("answers whole with %s", async (body, text) => {
    const outcome = await turn("n8n", { kind: "respond", body });
    expect(codeOf(outcome)).toBeUndefined();
    expect(textOf(outcome.events)).toBe(text);
    expect(summarize(outcome.events).at(-1)).toBe("done:end");
  });

  it("answers line by line, each node with a paragraph of its own", async () => {
    const outcome = await turn("n8n", streamOf([...said(["Hel", "lo"]), ...said([]), ...said(["there"], "n2")]));
    expect(summarize(outcome.events)).toEqual(["text:Hello\n\nthere", "done:end"]);
  });

  it.each([
    ["an error of the workflow", streamOf([item("begin"), item("error", "secret words")]), "AGENT_CRASHED"],
    ["a node that never ends", streamOf([item("begin"), item("item", "Half")]), "AGENT_CRASHED"],
    ["something among the lines", streamOf([item("begin"), { type: "other" } as never]), "AGENT_REPLY_INVALID"],
    ["an acknowledgement", { kind: "respond", body: '{"message":"Workflow was started"}' }, "AGENT_REPLY_INVALID"],
    ["no known field", { kind: "respond", body: '{"result":"x"}' }, "AGENT_REPLY_INVALID"],
    ["a page", { kind: "respond", body: "<html></html>" }, "AGENT_REPLY_INVALID"],
    [
      "a redirect",
      { kind: "respond", status: 302, headers: { location: "http://127.0.0.1:9/" } },
      "AGENT_REPLY_INVALID",
    ],
    ["nothing at the address", { kind: "respond", status: 404 }, "AGENT_REFUSED"],
    ["being away", { kind: "respond", status: 503 }, "AGENT_UNAVAILABLE"],
    ["deep nesting", { kind: "respond", body: "[".repeat(100_000) }, "AGENT_REPLY_INVALID"],
    ["a flood of values", { kind: "respond", body: `[${"0,".repeat(200_000)}0]` }, "AGENT_REPLY_TOO_LARGE"],
  ] as const)("fails clearly on %s", async (_what, behaviour, code) => {
    const outcome = await turn("n8n", behaviour as WebhookBehaviour);
    expect(codeOf(outcome)).toBe(code);
    expect(String(outcome.error)).not.toContain("secret words");
  });

  it("is not called at a private address unless the operator allows it", async () => {
    const outcome = await turn(
      "n8n",
      { kind: "hang" },
      { options: { network: { allowPrivateAddresses: false, allowedCidrs: [] } } },
    );
    expect(codeOf(outcome)).toBe("AGENT_NOT_CONFIGURED");
    expect(agent.calls).toHaveLength(0);
  });
});

describe("a hook that answers later", () => {
  it.each([200, 201, 202, 204])("is acknowledged by %i, which is no reply", async (status) => {
    const body = status === 204 ? undefined : '{"text":"success"}';
    const outcome = await turn("callback", { kind: "respond", status, ...(body === undefined ? {} : { body }) });
    expect(summarize(outcome.events)).toEqual(["deferred"]);
  });

  it("has the configured time, and never more than the turn", async () => {
    const ends = async (config: object, leftMs: number): Promise<number> => {
      const request = turnRequest({ deadlineAt: new Date(Date.now() + leftMs).toISOString() });
      const [event] = (await turn("callback", { kind: "respond" }, { request, config })).events;
      return event?.type === "deferred" ? event.deadlineMs : Number.NaN;
    };
    expect(await ends({ replyWithinMs: 30_000 }, 60_000)).toBe(30_000);
    const left = await ends({ replyWithinMs: 90_000 }, 60_000);
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it("finds words, name and reply address at the top of the body", async () => {
    const io = turnIo({ replyUrl: "https://parley.example.org/api/replies/token" });
    await turn("callback", { kind: "respond" }, { io });
    expect(JSON.parse(agent.calls[0]?.rawBody ?? "")).toMatchObject({
      type: "turn.requested",
      text: "What is new?",
      sender: "Ann",
      reply_url: "https://parley.example.org/api/replies/token",
    });
  });

  it.each([
    [302, "AGENT_REPLY_INVALID"],
    [410, "AGENT_REFUSED"],
    [429, "AGENT_UNAVAILABLE"],
    [500, "AGENT_CRASHED"],
  ])("fails on %i with %s", async (status, code) => {
    expect(codeOf(await turn("callback", { kind: "respond", status }))).toBe(code);
  });
});

it("asks for a secret where the address can check it, and only there", () => {
  const url = "https://flows.example.org/hook";
  expect(WebhookConfig.safeParse({ kind: "webhook", url }).success).toBe(false);
  for (const dialect of ["n8n", "callback"])
    expect(WebhookConfig.safeParse({ kind: "webhook", dialect, url }).success).toBe(true);
});
