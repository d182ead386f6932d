import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PostAnswer, RoomsAnswer, WebUpload } from "../../../adapters/web/protocol.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { findText } from "../../support/ledger/find-text.ts";
import { WebClient } from "../../support/web/web-client.ts";

const WITHIN_MS = 60_000;
const canary = (): string => `canary${randomBytes(8).toString("hex")}`;

describe("the text of a deleted message", () => {
  let parley: SlackApp;
  let page: WebClient;
  let room = "";
  const answer = canary();
  beforeAll(async () => {
    parley = await startSlackApp([
      {
        handle: "speaker",
        name: "Speaker",
        connector: {
          kind: "function",
          run: defineAgent(async function* () {
            yield `my own words ${answer}`;
          }),
        },
      },
      {
        handle: "quoter",
        name: "Quoter",
        connector: {
          kind: "function",
          run: defineAgent(async function* (request) {
            if (request.trigger.text === "") yield "nothing to work on";
            throw new Error(`cannot work on: ${request.trigger.text}`);
          }),
        },
      },
    ]);
    const { token } = JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string };
    const link = await fetch(`${parley.url}/api/sign-in-links`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    page = new WebClient(parley.url);
    await page.signIn(((await link.json()) as { link: string }).link);
    room = RoomsAnswer.parse(await page.ok("GET", "/rooms")).rooms.find((one) => one.kind === "public")?.id ?? "";
  });
  afterAll(() => parley.close());

  const gone = async (text: string): Promise<void> => {
    const started = performance.now();
    await until(async () => (await findText(parley.ledger, text)).length === 0, WITHIN_MS).catch(async () => {
      throw new Error(`after a minute it is still in ${(await findText(parley.ledger, text)).join(", ")}`);
    });
    expect(performance.now() - started).toBeLessThan(WITHIN_MS);
  };
  const purgedOf = async (message: string): Promise<{ digests: string[] }[]> => {
    const rows = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" });
    return rows
      .flatMap((row) => JSON.parse(row.entries) as { what: string; message?: string; digests: string[] }[])
      .filter((entry) => entry.what === "purged" && entry.message === message);
  };

  test("of a person on Slack, with its edits, what an agent's failure quoted of it, and what fitted no schema", {
    timeout: 2 * WITHIN_MS,
  }, async () => {
    const [first, second] = [canary(), canary()];
    const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("quoter", first), {});
    await until(() => parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" }).length > 0);
    parley.slack.people.editAs(parley.user, parley.channel, ts, `now it is ${second}`);
    await until(async () => (await findText(parley.ledger, second)).length >= 2);
    await parley.ledger.query(
      {
        text: `insert into dead_letters (id, organization_id, stage, code, reason, dedupe_key, raw)
            values ('x_raw', 'main', 'ingest', 'PAYLOAD_MALFORMED', 'r', 'x_raw', $1)`,
      },
      [JSON.stringify({ event: { ts, text: first } })],
    );
    expect((await findText(parley.ledger, first)).map((place) => place.replace(/ .*/, ""))).toEqual(
      expect.arrayContaining(["public.events.envelope", "public.dead_letters.raw"]),
    );
    parley.slack.people.deleteAs(parley.user, parley.channel, ts);
    await Promise.all([gone(first), gone(second)]);
    const digests = (await purgedOf(ts)).flatMap((entry) => entry.digests);
    expect(digests.length).toBeGreaterThanOrEqual(2);
    // The digest of its admission is the one of its purge: what was there can still be shown to have been this text.
    const [admitted] = await parley.ledger.query<{ n: number }>(
      {
        text: `select count(*)::int as n from audit_log where entries like '%"admission"%' and position($1 in entries) > 0`,
      },
      [digests[0]],
    );
    expect(admitted?.n).toBeGreaterThan(0);
  });

  test("of an agent's own post on Slack: the reply and what was sent", { timeout: 2 * WITHIN_MS }, async () => {
    const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("speaker", "speak"), {});
    const post = await until(() => parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" })[0]);
    await until(
      async () => (await parley.ledger.query({ text: "select 1 from turns where state = 'answered'" })).length > 0,
    );
    expect((await findText(parley.ledger, answer)).map((place) => place.replace(/ .*/, ""))).toEqual(
      expect.arrayContaining(["public.deliveries.body", "public.messages.text", "public.turns.reply"]),
    );
    parley.slack.people.deleteAs(parley.user, parley.channel, post.ts ?? "");
    await gone(answer);
  });

  test("of a person in the web room, with a file's name; of a command", { timeout: 2 * WITHIN_MS }, async () => {
    const [words, file, command] = [canary(), canary(), canary()];
    const upload = await page.upload(`/rooms/${room}/uploads`, {
      name: `${file}.txt`,
      type: "text/plain",
      bytes: new TextEncoder().encode("contents"),
    });
    const uploadId = WebUpload.parse(upload.body).id;
    const say = async (text: string, uploadIds: string[] = []) =>
      PostAnswer.parse(await page.ok("POST", `/rooms/${room}/messages`, { text, uploadIds, clientMessageId: canary() }))
        .post.id;
    const [message, asked] = [await say(`look: ${words}`, [uploadId]), await say(`/agents ${command}`)];
    expect((await findText(parley.ledger, words)).map((place) => place.replace(/ .*/, ""))).toEqual(
      expect.arrayContaining(["public.events.envelope", "public.web_events.body", "public.web_posts.text"]),
    );
    await page.ok("DELETE", `/messages/${message}`);
    await page.ok("DELETE", `/messages/${asked}`);
    await Promise.all([gone(words), gone(file), gone(command)]);
  });
});
