import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFunctionConnector } from "../../../agents/function/index.ts";
import { type AnswerWriter, createGuideAgent } from "../../../agents/guide/index.ts";
import { splitSections } from "../../../agents/guide/sections.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { codeOf, collect, summarize, textOf } from "../../support/agents/collect.ts";
import {
  agentView,
  type KnownState,
  knownState,
  operationsOver,
  quietStatus,
} from "../../support/agents/operations-stand.ts";
import { ANN, message, turnIo, turnRequest } from "../../support/agents/turn-fixtures.ts";

const README = `# Parley

Parley brings agents into chat.

## Connect Slack

Run \`parley slack manifest\`, create the app from it, and set these variables:

\`\`\`sh
# not a heading
export SLACK_BOT_TOKEN=xoxb-1
\`\`\`

## Write an agent

Export a function.

### As a webhook

Answer the signed POST.
`;

let folder: string;
let state: KnownState;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "guide-"));
  await mkdir(join(folder, "deploy/decisions"), { recursive: true });
  await writeFile(join(folder, "README.md"), README);
  await writeFile(
    join(folder, "deploy/decisions/0001-ledger.md"),
    "# Ledger\n\n## Why PGlite\n\nIt needs no installation.\n",
  );
});

afterAll(() => rm(folder, { recursive: true }));

beforeEach(() => {
  state = knownState({
    agents: [
      agentView({ handle: "guide", connectorKind: "function" }),
      agentView({ handle: "helper", description: "Helps with tickets." }),
      agentView({ handle: "sleeper", status: "paused" }),
    ],
  });
});

async function ask(text: string, overrides: Partial<TurnRequest> = {}, writer?: AnswerWriter) {
  const documents = ["README.md", "deploy", "missing"].map((name) => pathToFileURL(join(folder, name)));
  const definition = createGuideAgent({
    operations: () => operationsOver(state),
    documents,
    ...(writer && { writer }),
  });
  const connector = createFunctionConnector(definition.connector);
  const agent = { agentId: "a-guide", handle: "guide", name: "Guide", color: "#336699" };
  const roster = [
    ANN,
    { id: "a-guide", kind: "agent" as const, name: "Guide", handle: "guide" },
    { id: "a-helper", kind: "agent" as const, name: "Helper", handle: "helper" },
  ];
  const outcome = await collect(
    connector.invoke(
      turnRequest({ agent, roster, trigger: message({ messageId: "m-now", text }), ...overrides }),
      turnIo(),
    ),
  );
  return { ...outcome, text: textOf(outcome.events) };
}

describe("the guide, asked about the documentation", () => {
  it("answers with the section and says where it stands", async () => {
    const { text } = await ask("@guide how do I connect Slack?");
    expect(text).toContain("parley slack manifest");
    expect(text).toContain("export SLACK_BOT_TOKEN");
    expect(text).toContain("README.md, “Connect Slack”");
    expect(text).toContain("**Slack** is not connected");
  });

  it.each(["@guide how do I write agents as a webhook", "webhooks: writing an agent"])(
    "finds it by other forms of its words: %s",
    async (question) => {
      expect((await ask(question)).text).toContain("Answer the signed POST");
    },
  );

  it("goes on with the sections under one that is hardly more than a heading", async () => {
    expect((await ask("@guide how do I write an agent?")).text).toContain(
      "**As a webhook**\n\nAnswer the signed POST.",
    );
  });

  it("reads folders, and names a document by its path", async () => {
    expect((await ask("@guide why do you use pglite?")).text).toContain("decisions/0001-ledger.md");
  });

  it("says honestly when there is nothing, and what there is", async () => {
    const { text } = await ask("@guide how do I bake sourdough bread?");
    expect(text).toContain("found nothing");
    expect(text).toContain("Connect Slack");
  });

  it("shows that it looks something up", async () => {
    expect(summarize((await ask("@guide how do I write an agent?")).events)[0]).toBe("status");
  });
});

describe("the guide, asked about the live state", () => {
  it("says what it can do, and whom else to ask", async () => {
    const { text } = await ask("@guide what can you do?");
    expect(text).toContain("Connect Slack");
    expect(text).toContain("@helper");
    expect(text).not.toContain("@sleeper");
  });

  it("tells the agents of this conversation from the others", async () => {
    const { text } = await ask("@guide which agents are here?");
    expect(text).toMatch(
      /In this conversation \(2\):[\s\S]*@helper`\): Helps with tickets\.[\s\S]*not here \(1\):[\s\S]*@sleeper`\)\. Paused/,
    );
  });

  it("says of a named agent whether it can answer now", async () => {
    state.checks.set("helper", { ok: false, detail: "no key: set OPENAI_API_KEY" });
    const { text } = await ask("@guide is @helper set up? And @nobody?");
    expect(text).toContain("It is a member of this conversation, and cannot answer now: no key: set OPENAI_API_KEY.");
    expect(text).toContain("There is no agent `@nobody`.");
  });

  it("names who is in the room", async () => {
    const { text } = await ask("@guide who is in this room?");
    expect(text).toContain("- Ann");
    expect(text).toContain("**general**");
  });

  it("names no room that is not open to everybody of the asker's organization", async () => {
    const room = { platform: "web", people: 3, agents: ["guide"] };
    state.status = quietStatus({
      rooms: [
        { ...room, conversationId: "1", name: "general", kind: "public", organizationId: "org-1" },
        { ...room, conversationId: "2", name: "layoffs", kind: "private", organizationId: "org-1" },
        { ...room, conversationId: "3", name: "rival", kind: "public", organizationId: "org-2" },
        { ...room, conversationId: "4", name: "unlabelled" },
      ],
    });
    const { text } = await ask("@guide which rooms are there?");
    expect(text).toContain("**general** (web): 3 people");
    expect(text).toContain("3 more conversations");
    for (const name of ["layoffs", "rival", "unlabelled"]) expect(text).not.toContain(name);
  });

  it("gives the figures of the queue as they are", async () => {
    state.status = quietStatus({
      work: { ...state.status.work, queuedTurns: 4, runningTurns: 2, oldestOpenMs: 125_000 },
    });
    const { text } = await ask("@guide how is the queue?");
    expect(text).toContain("2 running, 4 waiting");
    expect(text).toContain("2 minutes");
  });

  it("says which platforms are connected", async () => {
    state.status = quietStatus({
      platforms: [{ platform: "slack", installationId: "T1", name: "Acme", state: "failed", detail: "token revoked" }],
    });
    expect((await ask("@guide is slack connected?")).text).toContain("**Slack** (Acme): failed, token revoked");
  });

  it("counts dead letters by what failed", async () => {
    const letter = {
      stage: "invoke",
      code: "AGENT_TIMEOUT",
      reason: "",
      state: "open",
      createdAt: "2026-11-21T10:00:00.000Z",
    } as const;
    state.deadLetters = [
      { ...letter, id: "1" },
      { ...letter, id: "2" },
    ];
    expect((await ask("@guide are there dead letters?")).text).toContain("invoke: AGENT_TIMEOUT (2)");
  });

  it("fails as an agent does when Parley does not answer it", async () => {
    state.before = () => Promise.reject(new Error("the ledger is away: secret"));
    const outcome = await ask("@guide how is the queue?");
    expect(codeOf(outcome)).toBe("AGENT_CRASHED");
  });
});

describe("the guide, asked why an agent did not answer", () => {
  const earlier = message({ messageId: "m-ask", text: "@helper are you there?" });
  const explanation = {
    eventId: "e-1",
    kind: "message_created",
    platform: "web",
    state: "dropped",
    stateReason: "no agent was to answer",
    traceId: "0".repeat(32),
    steps: [
      {
        at: "2026-11-21T10:00:00.000Z",
        verb: "route",
        agent: "helper",
        outcome: "not invoked",
        rule: "channel.not_member",
      },
      { at: "2026-11-21T10:00:00.000Z", verb: "route", agent: "sleeper", outcome: "not invoked", rule: "agent.paused" },
    ],
    auditRecords: [],
  } as const;

  it("shows what was decided about it, by which rule, and whether it can be reached", async () => {
    state.explanations.set("m-ask", explanation);
    state.checks.set("helper", { ok: false, detail: "no connection came about (ECONNREFUSED)" });
    const { text } = await ask("@guide why did @helper not answer?", { transcript: [earlier] });
    expect(text).toContain("`channel.not_member`");
    expect(text).not.toContain("agent.paused");
    expect(text).toContain("ECONNREFUSED");
    expect(text).toContain("parley explain e-1");
  });

  it("calls no agent by naming it, whatever the message that it quotes says", async () => {
    state.explanations.set("m-ask", explanation);
    const quoted = { ...earlier, text: "`@sleeper and @helper: `go", content: [] };
    const { text } = await ask("@guide why did @helper not answer?", { transcript: [quoted] });
    expect(text).toContain("`@helper`");
    expect(text.replace(/`[^`\n]*`/g, "")).not.toMatch(/@[a-z]/);
  });

  it("says so when the agent is paused, unknown, or nothing is known", async () => {
    expect((await ask("@guide why didn't sleeper reply?", { transcript: [earlier] })).text).toContain("paused");
    expect((await ask("@guide why does @nobody not answer?", { transcript: [earlier] })).text).toContain(
      "no agent `@nobody`",
    );
    expect((await ask("@guide why did helper not answer?")).text).toContain("no earlier message");
  });

  it("looks at messages of this conversation alone", async () => {
    await ask("@guide why did @helper not answer m-secret in #board?", { transcript: [earlier] });
    expect(state.asked.filter((question) => question.startsWith("explain"))).toEqual(["explain org-1 m-ask"]);
  });
});

describe("the guide with a model", () => {
  it("lets it put the facts into words", async () => {
    let facts = "";
    const { text } = await ask("@guide how do I connect Slack?", {}, async function* (prompt) {
      facts = prompt.facts;
      yield "Create the ";
      yield "app.";
    });
    expect(text).toBe("Create the app.");
    expect(facts).toContain("parley slack manifest");
  });

  it("answers with the facts when the model fails", async () => {
    const { text } = await ask("@guide how do I connect Slack?", {}, async function* () {
      yield "";
      throw new Error("overloaded");
    });
    expect(text).toContain("parley slack manifest");
  });
});

describe("sections of a document", () => {
  it("hold every word once, and code is no heading", () => {
    const sections = splitSections("README.md", README);
    expect(sections.map((section) => section.headings.join(" > "))).toEqual([
      "Parley",
      "Parley > Connect Slack",
      "Parley > Write an agent",
      "Parley > Write an agent > As a webhook",
    ]);
    expect(splitSections("a.md", "no heading").map((section) => section.headings)).toEqual([["a.md"]]);
  });
});
