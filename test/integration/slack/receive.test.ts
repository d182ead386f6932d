import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Bench, createBench } from "./harness.ts";

let bench: Bench;
afterEach(() => bench.close());

describe.each(["http", "socket"] as const)("over %s", (mode) => {
  test("everything people do arrives once, as envelopes, and is acknowledged", async () => {
    bench = await createBench({ mode });
    const { slack, person, channel, workspace, sink } = bench;
    const asked = slack.people.postAs(person, channel, `<@${workspace.bot.botUserId}> guide what now?`);
    slack.people.postAs(person, channel, "in a thread", { threadTs: asked.ts });
    slack.people.editAs(person, channel, asked.ts, `<@${workspace.bot.botUserId}> guide and now?`);
    slack.people.reactAs(person, channel, asked.ts, "eyes");
    slack.people.unreactAs(person, channel, asked.ts, "eyes");
    slack.people.postAs(person, channel, "with a file", { files: [{ name: "a.txt", content: "hello" }] });
    const direct = slack.people.directMessageAs(person, "hello there");
    slack.gestures.openHome(person);
    await slack.deliveries.whenIdle();
    slack.people.rename(person, channel, "renamed");
    const other = slack.setup.addUser(workspace.team.id);
    slack.people.join(other, channel);
    slack.people.kick(person, channel, workspace.bot.botUserId);
    await slack.deliveries.whenIdle();

    const kinds = sink.people().map((envelope) => envelope.kind);
    for (const kind of [
      "message_created",
      "message_edited",
      "reaction_added",
      "reaction_removed",
      "direct_message_opened",
      "channel_renamed",
      "member_joined",
      "member_left",
    ])
      expect(kinds).toContain(kind);
    const created = sink.people().filter((envelope) => envelope.kind === "message_created");
    expect(created.map((envelope) => envelope.body.messageId)).toHaveLength(4);
    const first = created.find(
      (envelope) => envelope.body.messageId === asked.ts && envelope.conversation.channel.id === channel,
    );
    expect(first).toMatchObject({
      body: { mentions: { agents: ["guide"] } },
      conversation: { channel: { name: "channel-1", kind: "public" } },
    });
    const written = created.find((envelope) => envelope.conversation.channel.id === direct.channel);
    expect(written).toMatchObject({ body: { messageId: direct.ts }, conversation: { channel: { kind: "direct" } } });
    expect(created.some((envelope) => envelope.conversation.thread?.id === asked.ts)).toBe(true);
    expect(created.some((envelope) => envelope.body.content.some((block) => block.type === "media"))).toBe(true);
    expect(sink.people().find((envelope) => envelope.kind === "member_left")?.body).toMatchObject({ self: true });
    expect(slack.deliveries.pendingCount()).toBe(0);
    expect(slack.deliveries.acknowledgedAt(channel, asked.ts)).toBeDefined();
    expect(bench.adapter.health()).toMatchObject([{ state: "connected", lastEventAt: expect.any(String) }]);
  });

  test("nothing is acknowledged before it is stored", async () => {
    bench = await createBench({ mode });
    const { slack, person, channel, sink } = bench;
    let open: () => void = () => undefined;
    sink.gate = new Promise((resolve) => {
      open = resolve;
    });
    const asked = slack.people.postAs(person, channel, "hello");
    await vi.waitUntil(() => sink.ingesting > 0);
    expect(slack.deliveries.acknowledgedAt(channel, asked.ts)).toBeUndefined();
    open();
    await slack.deliveries.whenIdle();
    expect(slack.deliveries.acknowledgedAt(channel, asked.ts)).toBeDefined();
  });

  test("what could not be stored is not acknowledged, comes again and is stored then", async () => {
    bench = await createBench({ mode, standIn: { delivery: { retryScale: 0.001, timeoutMs: 300 } } });
    const { slack, person, channel, sink } = bench;
    sink.failures = 2;
    const asked = slack.people.postAs(person, channel, "hello");
    await slack.deliveries.whenIdle();
    expect(sink.people().map((envelope) => envelope.kind)).toEqual(["message_created"]);
    const [delivery] = slack.deliveries.ofType("message");
    expect(delivery?.attempts.length).toBe(3);
    expect(slack.deliveries.acknowledgedAt(channel, asked.ts)).toBeDefined();
  });

  test("commands, buttons and forms arrive, and a form opens in time", async () => {
    bench = await createBench({ mode });
    const { slack, person, channel, sink, adapter } = bench;
    const command = await slack.gestures.slash(person, channel, "/parley", "ask @guide what is this?");
    expect(command.acknowledged).toBe(true);
    const [post] = bench.render(
      {
        type: "approval_request",
        approvalId: "ap:1",
        prompt: "Delete it?",
        options: [{ id: "yes", label: "Yes", effect: "allow" }],
      },
      { type: "input_request", inputId: "in-1", prompt: "Who?", fields: [{ id: "name", label: "Name", kind: "text" }] },
    );
    if (post === undefined) throw new Error("nothing was rendered");
    const { messageId } = await adapter.send(post);
    await slack.gestures.clickButton(person, { channel, ts: messageId }, "parley_approval:0:ap:1");
    await slack.gestures.clickButton(person, { channel, ts: messageId }, "parley_input:in-1");
    await slack.log.waitForKind("view");
    const [view] = slack.gestures.viewsOf(person);
    const submitted = await slack.gestures.submitView(person, view?.id ?? "", {
      "field:name": { value: { type: "plain_text_input", value: "Ann" } },
    });
    expect(submitted.acknowledged).toBe(true);

    const [asked, decided, filled] = sink.people();
    expect(asked).toMatchObject({
      kind: "command_invoked",
      body: { command: "ask", text: "@guide what is this?", mentions: { agents: ["guide"] } },
      conversation: { channel: { id: channel, kind: "public" } },
    });
    expect(decided).toMatchObject({
      kind: "action_submitted",
      body: { actionId: "ap:1", value: "yes", messageId },
      sender: { id: person },
    });
    expect(filled).toMatchObject({
      kind: "action_submitted",
      body: { actionId: "in-1", messageId, fields: { name: "Ann" } },
      conversation: { channel: { id: channel } },
    });
    const token = asked?.kind === "command_invoked" ? asked.body.responseToken : undefined;
    await adapter.features.respond?.respond(
      bench.target(),
      token ?? "",
      "only for **you** <!channel>",
      new AbortController().signal,
    );
    const [answer] = await slack.log.waitForKind("response_url");
    expect(answer?.text).toContain("only for");
    expect(answer?.notified ?? []).toEqual([]);
  });

  test("stopping waits for what is being stored and takes nothing new", async () => {
    bench = await createBench({ mode });
    const { slack, person, channel, sink, adapter } = bench;
    let open: () => void = () => undefined;
    sink.gate = new Promise((resolve) => {
      open = resolve;
    });
    const asked = slack.people.postAs(person, channel, "one");
    await vi.waitUntil(() => sink.ingesting > 0);
    let stopped = false;
    const stopping = adapter.stop().then(() => {
      stopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    open();
    await stopping;
    await adapter.stop();
    await slack.deliveries.whenIdle();
    expect(slack.deliveries.acknowledgedAt(channel, asked.ts)).toBeDefined();
    const before = sink.envelopes.length;
    slack.people.postAs(person, channel, "two");
    await slack.deliveries.whenIdle();
    expect(sink.envelopes.length).toBe(before);
    expect(adapter.health()).toEqual([]);
  });

  test("an uninstall removes that installation alone, and its events are of no interest afterwards", async () => {
    bench = await createBench({ mode });
    const { slack, workspace, sink } = bench;
    slack.gestures.uninstall(workspace.team.id);
    await slack.deliveries.whenIdle();
    expect(sink.rows.get(`inst-${workspace.team.id}`)?.status).toBe("removed");
    expect(bench.adapter.health()).toEqual([]);
  });
});

describe("the HTTP door", () => {
  const sign = (body: string, more: { ageS?: number; contentType?: string } = {}) => {
    const timestamp = String(Math.floor(Date.now() / 1000) - (more.ageS ?? 0));
    const signature = createHmac("sha256", bench.workspace.app.signingSecret)
      .update(`v0:${timestamp}:${body}`)
      .digest("hex");
    return {
      "content-type": more.contentType ?? "application/json",
      "x-slack-request-timestamp": timestamp,
      "x-slack-signature": `v0=${signature}`,
    };
  };
  const send = async (body: string, headers: Record<string, string>) => {
    const response = await fetch(`${bench.url}/slack/events`, { method: "POST", body, headers });
    return { status: response.status, text: await response.text() };
  };
  const nothingArrived = (): void => {
    expect(bench.sink.envelopes).toEqual([]);
    expect(bench.sink.malformed).toEqual([]);
  };

  test("answers the challenge of a new address", async () => {
    bench = await createBench();
    expect(await bench.slack.setup.verifyRequestUrl(bench.workspace.app.appId)).toBe(true);
  });

  test("refuses what is unsigned, wrongly signed or stale either way, and stores nothing", async () => {
    bench = await createBench();
    const body = JSON.stringify({
      type: "event_callback",
      team_id: bench.workspace.team.id,
      event_id: "Ev1",
      event: { type: "message" },
    });
    expect((await send(body, {})).status).toBe(401);
    expect((await send(`${body} `, sign(body))).status).toBe(401);
    expect((await send(body, sign(body, { ageS: 305 }))).text).toContain("SIGNATURE_STALE");
    expect((await send(body, sign(body, { ageS: -305 }))).text).toContain("SIGNATURE_STALE");
    nothingArrived();
    expect((await send(body, sign(body, { ageS: 290 }))).status).toBe(200);
  });

  test("refuses large bodies by their announced length and by their real one", async () => {
    bench = await createBench();
    const large = "x".repeat(1024 * 1024 + 1);
    expect((await send(large, sign(large))).status).toBe(413);
    const { port, hostname } = new URL(bench.url);
    const head = Object.entries({ host: hostname, "transfer-encoding": "chunked", ...sign("x") });
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /slack/events HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n`,
        );
        const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
        for (let sent = 0; sent < 20; sent++) socket.write(chunk);
      });
      socket.once("data", (data) => {
        resolve(data.toString("latin1"));
        socket.destroy();
      });
      socket.once("error", reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 413/u);
    nothingArrived();
  });

  test("keeps what fits no schema as one dead letter and acknowledges it", async () => {
    bench = await createBench();
    const broken = [
      `{"type":"event_callback"`,
      "[1,2]",
      JSON.stringify({ nothing: true }),
      JSON.stringify({
        type: "event_callback",
        team_id: bench.workspace.team.id,
        event_id: "Ev9",
        event: { type: "message", channel: 5 },
      }),
    ];
    for (const body of [...broken, ...broken]) expect((await send(body, sign(body))).status).toBe(200);
    expect(bench.sink.malformed).toHaveLength(broken.length);
    expect(bench.sink.malformed.at(-1)).toMatchObject({
      organizationId: "main",
      installationId: `inst-${bench.workspace.team.id}`,
      reason: "message without a channel",
    });
  });

  test("keeps what no store takes as dead letters, once each, and acknowledges it", async () => {
    bench = await createBench();
    const { workspace, channel, person, sink } = bench;
    const team = { id: workspace.team.id };
    const event = (event_id: string, event: object): string =>
      JSON.stringify({ type: "event_callback", team_id: team.id, event_id, event });
    const item = { type: "message", channel, ts: "1700000000.000100" };
    const action = {
      type: "block_actions",
      team,
      user: { id: person },
      channel: { id: channel },
      message: { ts: "1700000000.000100" },
      actions: [{ type: "button", action_id: "go\ud800", value: "1", action_ts: "1700000001.000100" }],
    };
    const slash = new URLSearchParams({
      command: "/parley",
      text: "ask @guide hello",
      response_url: "https://hooks.slack.com/\u0000",
      team_id: team.id,
      channel_id: channel,
      user_id: person,
      trigger_id: "1.\u0000",
    });
    const form = { contentType: "application/x-www-form-urlencoded" };
    const bodies: [string, { contentType?: string }][] = [
      [event("EvNul", { type: "reaction_added", user: person, reaction: "eyes\u0000", item, event_ts: item.ts }), {}],
      [event("Ev\u0000", { type: "reaction_added", user: person, reaction: "\ud800", item, event_ts: item.ts }), {}],
      [new URLSearchParams({ payload: JSON.stringify(action) }).toString(), form],
      [slash.toString(), form],
    ];
    for (const [body, more] of [...bodies, ...bodies]) expect((await send(body, sign(body, more))).status).toBe(200);
    expect(sink.envelopes).toEqual([]);
    expect(sink.malformed).toHaveLength(bodies.length);
    for (const letter of sink.malformed) expect(letter.dedupeKey).toMatch(/^[\x20-\x7e]+$/u);
  });

  test("ignores unknown workspaces and kinds, with a reason", async () => {
    bench = await createBench();
    const foreign = JSON.stringify({
      type: "event_callback",
      team_id: "T0NOBODY",
      event_id: "Ev1",
      event: { type: "message", channel: "C1", ts: "1.1", user: "U1" },
    });
    const unknown = JSON.stringify({
      type: "event_callback",
      team_id: bench.workspace.team.id,
      event_id: "Ev2",
      event: { type: "dnd_updated" },
    });
    for (const body of [foreign, unknown]) expect((await send(body, sign(body))).status).toBe(200);
    expect(bench.sink.skipped).toEqual([
      { eventType: "message", reason: "no installation of Parley in that workspace" },
      { eventType: "dnd_updated", reason: "event type dnd_updated" },
    ]);
  });

  test("asks Slack to come again while the adapter does not run", async () => {
    bench = await createBench({ startsLater: true });
    const body = JSON.stringify({ type: "event_callback" });
    expect((await send(body, sign(body))).status).toBe(503);
  });
});

describe("sockets", () => {
  test("stand side by side and are replaced before they are given up", async () => {
    bench = await createBench({ mode: "socket" });
    const { slack, workspace, person, channel, sink } = bench;
    const { appId } = workspace.app;
    await vi.waitUntil(() => slack.sockets.connectionCount(appId) === 2);
    slack.sockets.disconnect(appId, "refresh_requested", { graceMs: 1_000 });
    for (let n = 0; n < 20; n++) slack.people.postAs(person, channel, `message ${n}`);
    await slack.deliveries.whenIdle();
    expect(sink.people()).toHaveLength(20);
    await vi.waitUntil(() => bench.adapter.health()[0]?.detail === "2 of 2 sockets connected", { timeout: 5_000 });
  });

  test("come back after they were cut, and nothing is lost", async () => {
    bench = await createBench({ mode: "socket", standIn: { delivery: { retryScale: 0.01, timeoutMs: 500 } } });
    const { slack, workspace, person, channel, sink } = bench;
    slack.sockets.drop(workspace.app.appId);
    await vi.waitUntil(() => bench.adapter.health()[0]?.detail === "2 of 2 sockets connected", { timeout: 10_000 });
    slack.people.postAs(person, channel, "after the cut");
    await slack.deliveries.whenIdle();
    expect(sink.people()).toHaveLength(1);
  });

  test("that fell silent are noticed", async () => {
    bench = await createBench({ mode: "socket" });
    const { slack, workspace } = bench;
    await vi.waitUntil(() => slack.sockets.connectionCount(workspace.app.appId) === 2);
    slack.sockets.freeze(workspace.app.appId);
    await vi.waitUntil(() => bench.adapter.health()[0]?.detail !== "2 of 2 sockets connected", { timeout: 15_000 });
    await vi.waitUntil(() => bench.adapter.health()[0]?.detail === "2 of 2 sockets connected", { timeout: 15_000 });
    expect(slack.sockets.connectionCount(workspace.app.appId)).toBeGreaterThanOrEqual(2);
  }, 40_000);
});
