import { setTimeout as sleep } from "node:timers/promises";
import { TaskState } from "@a2a-js/sdk";
import { describe, expect, onTestFinished, test } from "vitest";
import { A2aConfig, type A2aConfigInput, createA2aConnector } from "../../../agents/a2a/index.ts";
import type { AgentConnector, TurnRequest } from "../../../src/contracts/connector.ts";
import type { TurnSession } from "../../../src/contracts/turn-session.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import {
  A2aAgent,
  type A2aAgentOptions,
  type A2aVersion,
  type A2aWork,
  data,
  file,
  link,
  text,
} from "../../support/agents/a2a-agent.ts";
import { codeOf, collect, summarize, textOf } from "../../support/agents/collect.ts";
import { CountingServer } from "../../support/agents/counting-server.ts";
import { message, type TestIo, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const LOOPBACK = { allowPrivateAddresses: true, allowedCidrs: [] };
const { TASK_STATE_COMPLETED, TASK_STATE_INPUT_REQUIRED, TASK_STATE_WORKING } = TaskState;

async function startAgent(options: A2aAgentOptions, work?: A2aAgent["work"]): Promise<A2aAgent> {
  const agent = await A2aAgent.start(options, work);
  onTestFinished(() => agent.stop());
  return agent;
}

function connect(url: string, config: Partial<A2aConfigInput> = {}, network = LOOPBACK): AgentConnector {
  const connector = createA2aConnector(A2aConfig.parse({ kind: "a2a", url, ...config }), { network });
  onTestFinished(() => connector.close());
  return connector;
}

/** A session as a turn has it, kept as text. */
function memory(): TurnSession & { value: string | undefined } {
  return {
    value: undefined,
    async read() {
      return this.value;
    },
    async write(value) {
      this.value = value === "" ? undefined : value;
    },
  };
}

function ioWith(session: TurnSession): TestIo {
  return { ...turnIo(), session };
}

async function run(connector: AgentConnector, request: TurnRequest, io: TestIo = turnIo()) {
  const outcome = await collect(connector.invoke(request, io));
  return { ...outcome, summary: summarize(outcome.events), text: textOf(outcome.events), code: codeOf(outcome) };
}

const ask = (words: string): TurnRequest => turnRequest({ trigger: message({ text: words, messageId: `m-${words}` }) });

describe.each(["1.0", "0.3"] satisfies A2aVersion[])("an A2A agent of version %s", (version) => {
  test("is rendered once, in whichever of the three places it puts its result, and in all of them", async () => {
    const agent = await startAgent({ version });
    const connector = connect(agent.url);
    const works: ((work: A2aWork) => void)[] = [
      (work) => work.say("the result"),
      (work) => work.status(TASK_STATE_COMPLETED, "the result"),
      (work) => {
        work.artifact("a", [text("the result")]);
        work.status(TASK_STATE_COMPLETED);
      },
      (work) => {
        work.artifact("a", [text("the ")], { last: false });
        work.artifact("a", [text("result")], { append: true });
        work.artifact("b", [text("the result")]);
        work.status(TASK_STATE_COMPLETED, "the  result\n");
      },
      (work) => {
        work.status(TASK_STATE_WORKING, "the result");
        work.status(TASK_STATE_COMPLETED);
      },
    ];
    for (const work of works) {
      agent.work = work;
      const { text: said, summary } = await run(connector, ask("go"));
      expect(said).toBe("the result");
      expect(summary.at(-1)).toBe("done:end");
    }
  });

  test("that does not stream is polled", async () => {
    const agent = await startAgent({ version, streaming: false }, async (work) => {
      work.status(TASK_STATE_WORKING, "thinking");
      await sleep(600);
      work.artifact("a", [text("polled")]);
      work.status(TASK_STATE_COMPLETED);
    });
    const { summary } = await run(connect(agent.url), ask("go"));
    expect(summary.filter((line) => line !== "status")).toEqual(["text:polled", "done:end"]);
    expect(agent.messages).toHaveLength(1);
    expect(agent.called(/GetTask|tasks\/get/).length).toBeGreaterThan(0);
  });

  test("whose stream breaks is taken up again, and never sent the message a second time", async () => {
    const agent = await startAgent({ version }, async (work) => {
      work.artifact("a", [text("one ")], { last: false });
      await sleep(400);
      work.artifact("a", [text("two ")], { append: true, last: false });
      await sleep(400);
      work.artifact("a", [text("three")], { append: true });
      work.status(TASK_STATE_COMPLETED);
    });
    let cuts = 0;
    agent.fault = (call, response) => {
      if (/Streaming|stream|Subscribe|resubscribe/.test(call.method) && cuts < 2) {
        cuts += 1;
        setTimeout(() => response.socket?.destroy(), 200);
      }
      return "pass";
    };
    const { text: said, summary } = await run(connect(agent.url), ask("go"));
    expect(said).toBe("one two three");
    expect(summary.at(-1)).toBe("done:end");
    expect(agent.messages).toHaveLength(1);
    expect(cuts).toBe(2);
  });

  test("that asks ends the turn while its stream stays open; the next message goes on with that task, the one after begins another", async () => {
    const session = memory();
    const agent = await startAgent({ version }, async (work) => {
      if (work.isFollowUp) work.status(TASK_STATE_COMPLETED, `thanks for ${work.message.taskId}`);
      else work.status(TASK_STATE_INPUT_REQUIRED, "Which colour?");
    });
    agent.fault = (_call, response) => {
      // The server of some agents keeps the stream open after its last event.
      response.end = (() => response) as typeof response.end; // the test's server alone is changed
      return "pass";
    };
    const connector = connect(agent.url);
    const asked = await run(connector, ask("paint"), ioWith(session));
    expect(asked.summary).toEqual(["text:Which colour?", "done:end"]);
    agent.fault = () => "pass";
    let calledOff = 0;
    const counting = { ...ioWith(session), callOffQuestions: async () => void (calledOff += 1) };
    const answered = await run(connector, ask("blue"), counting);
    expect(calledOff).toBe(1);
    await run(connector, ask("again"), counting);
    expect(calledOff).toBe(1);
    const [first, second, third] = agent.messages.map(({ params }) => params["message"] as Record<string, string>); // what was sent is what is tested
    expect(first?.["taskId"] ?? "").toBe("");
    expect(second?.["taskId"]).toBeTruthy();
    expect(answered.text).toBe(`thanks for ${second?.["taskId"]}`);
    expect(second?.["contextId"]).toBeTruthy();
    expect(third?.["taskId"] ?? "").toBe("");
    expect(third?.["contextId"]).toBe(second?.["contextId"]);
  });

  test("that asks for a decision shows it as buttons, and is told what was chosen", async () => {
    const session = memory();
    const question = {
      type: "approval_request",
      approvalId: "go",
      prompt: "Deploy?",
      options: [{ id: "yes", label: "Yes", effect: "allow" }],
    };
    const agent = await startAgent({ version }, (work) => {
      const chosen = work.message.parts.find(({ content }) => content?.$case === "data")?.content?.value as unknown; // whatever it is
      if (work.isFollowUp) work.status(TASK_STATE_COMPLETED, JSON.stringify(chosen));
      else work.status(TASK_STATE_INPUT_REQUIRED, [text("May I?"), data(question)]);
    });
    const connector = connect(agent.url);
    expect((await run(connector, ask("deploy"), ioWith(session))).summary).toEqual([
      "text:May I?",
      "approval_request",
      "done:end",
    ]);
    const action = { actionId: "go", value: "yes", fields: {} };
    const clicked = turnRequest({ reason: "action", trigger: message({ text: "Chose yes", action }) });
    const { text: told } = await run(connector, clicked, ioWith(session));
    expect(JSON.parse(told)).toEqual({ type: "action", ...action });
  });

  test("that needs a sign-in gets one clear text with the link, and nothing of its data is shown", async () => {
    const agent = await startAgent({ version }, (work) =>
      work.status(TaskState.TASK_STATE_AUTH_REQUIRED, [
        text("Please sign in."),
        data({ authorization_url: "https://id.example.org/device", user_code: "SECRET-CODE" }),
      ]),
    );
    const { text: said, summary } = await run(connect(agent.url), ask("go"));
    expect(said).toContain("Please sign in.");
    expect(said).toContain("<https://id.example.org/device>");
    expect(said).toContain("Do not post passwords");
    expect(said).not.toContain("SECRET-CODE");
    expect(summary).toHaveLength(2);
  });

  test("hands over files, and links that nobody follows", async () => {
    const canary = await CountingServer.start((_request, response) => void response.end("x"));
    onTestFinished(() => canary.stop());
    const agent = await startAgent({ version }, (work) => {
      work.artifact("a", [file("found", "note.txt"), link(`${canary.origin}/secret`, "more")]);
      work.artifact("a", [file("found", "note.txt"), link(`${canary.origin}/secret`, "more")]);
      work.status(TASK_STATE_COMPLETED);
    });
    const { summary } = await run(connect(agent.url), ask("go"));
    expect(summary).toEqual(["artifact:note.txt", `text:[more](<${canary.origin}/secret>)`, "done:end"]);
    expect(canary.connectionCount).toBe(0);
  });

  test("that fails or refuses says why as an error, and fails without a word as one", async () => {
    const agent = await startAgent({ version }, (work) => work.status(TaskState.TASK_STATE_FAILED, "out of paint"));
    const connector = connect(agent.url);
    expect((await run(connector, ask("go"))).summary).toEqual(["error", "done:end"]);
    agent.work = (work) => work.status(TaskState.TASK_STATE_FAILED);
    expect((await run(connector, ask("go"))).code).toBe("AGENT_CRASHED");
    agent.work = (work) => work.status(TaskState.TASK_STATE_REJECTED);
    expect((await run(connector, ask("go"))).code).toBe("AGENT_REFUSED");
  });

  test("is told to stop when the turn is, but not when another worker takes the turn up, which goes on with its task", async () => {
    const session = memory();
    const agent = await startAgent({ version }, async (work) => {
      work.artifact("a", [text("begun ")], { last: false });
      await sleep(600);
      if (work.cancelled.aborted) return;
      work.artifact("a", [text("and done")], { append: true });
      work.status(TASK_STATE_COMPLETED);
    });
    const connector = connect(agent.url);
    const cut = async (request: TurnRequest, reason: unknown) => {
      const io = ioWith(session);
      const running = collect(connector.invoke(request, io), (event) => {
        if (event.type === "text_delta") io.controller.abort(reason);
      });
      return codeOf(await running);
    };
    const request = ask("go");
    expect(await cut(request, new ParleyError("LEASE_LOST"))).toBe("LEASE_LOST");
    expect(agent.cancelled).toEqual([]);
    const again = await run(connector, { ...request, attempt: 2 }, ioWith(session));
    expect(again.text).toBe("begun and done");
    expect(agent.messages).toHaveLength(1);
    await cut(ask("stop"), new ParleyError("TURN_CANCELLED", { detail: "cancelled:stopped_by_person" }));
    await expect.poll(() => agent.cancelled.length).toBe(1);
  });
});

describe("the card of an A2A agent", () => {
  const codeAt = async (url: string, config: Partial<A2aConfigInput> = {}, network = LOOPBACK) =>
    (await run(connect(url, config, network), ask("go"))).code;

  test("is not looked for at a private address, nor are those in it called", async () => {
    const agent = await startAgent({});
    expect(await codeAt(agent.url, {}, { allowPrivateAddresses: false, allowedCidrs: [] })).toBe(
      "AGENT_NOT_CONFIGURED",
    );
    expect(agent.server.connectionCount).toBe(0);
    const metadata = await startAgent({
      card: (card) => ({
        ...card,
        supportedInterfaces: [
          { url: "http://169.254.169.254/rpc", protocolBinding: "JSONRPC", protocolVersion: "1.0" },
        ],
      }),
    });
    expect(await codeAt(metadata.url)).toBe("AGENT_NOT_CONFIGURED");
    expect(metadata.calls).toHaveLength(0);
  });

  test("carries no credentials to other hosts, unless the operator trusts them", async () => {
    const other = await startAgent({});
    const lying = await startAgent({
      card: (card) => ({
        ...card,
        supportedInterfaces: [{ url: `${other.url}/rpc`, protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
      }),
    });
    expect(await codeAt(lying.url, { bearer: "secret" })).toBe("AGENT_NOT_CONFIGURED");
    expect(other.calls).toHaveLength(0);
    expect(await codeAt(lying.url, { bearer: "secret", trustedHosts: [new URL(other.url).host] })).toBeUndefined();
    expect(other.messages[0]?.headers.authorization).toBe("Bearer secret");
  });

  test("that lies about streaming, is no card, is a bomb, is too large or redirects, does no harm", async () => {
    const lying = await startAgent({
      streaming: false,
      card: (card) => ({ ...card, capabilities: { streaming: true } }),
    });
    expect(await codeAt(lying.url)).toBeUndefined();
    expect(lying.called(/^SendMessage$/)).toHaveLength(1);
    const bomb = await startAgent({ card: () => JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`) as unknown }); // nested as no card is
    expect(await codeAt(bomb.url)).toBe("AGENT_REPLY_INVALID");
    const large = await startAgent({ card: (card) => ({ ...card, description: "x".repeat(1_000_000) }) });
    expect(await codeAt(large.url)).toBe("AGENT_REPLY_TOO_LARGE");
    const none = await startAgent({ card: () => ({ hello: "world" }) });
    expect(await codeAt(none.url)).toBe("AGENT_REPLY_INVALID");
    const grpc = await startAgent({
      card: (card, origin) => ({
        ...card,
        supportedInterfaces: [{ url: origin, protocolBinding: "GRPC", protocolVersion: "1.0" }],
      }),
    });
    expect(await codeAt(grpc.url)).toBe("AGENT_NOT_CONFIGURED");
    const target = await startAgent({});
    const redirect = await CountingServer.start((_request, response) => {
      response.writeHead(302, { location: `${target.url}/.well-known/agent-card.json` }).end();
    });
    onTestFinished(() => redirect.stop());
    expect(await codeAt(redirect.origin)).toBe("AGENT_REPLY_INVALID");
    expect(target.server.connectionCount).toBe(0);
  });

  test("is taken from a whole address with a query, and kept for a while", async () => {
    const agent = await startAgent({});
    const connector = connect(`${agent.url}/.well-known/agent-card.json?assistant_id=7`);
    for (const words of ["one", "two", "three"]) expect((await run(connector, ask(words))).code).toBeUndefined();
    expect(agent.cardRequests).toBe(1);
    expect((await connector.check(AbortSignal.timeout(2_000))).detail).toContain("A2A 1.0");
  });
});
