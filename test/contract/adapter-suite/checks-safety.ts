import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import type { Receipt } from "../../../src/contracts/adapter.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterRig, FailureMode } from "./harness.ts";
import { envelopeOf, IDENTITY, marker, outcomeOf, postsFor, QUIET_MS, say, shown, text } from "./probe.ts";
import { everyPart } from "./reply-samples.ts";
import { whilePrinting } from "./while-printing.ts";

export const safetyChecks: readonly AdapterCheck[] = [
  {
    id: "AD-SEND-04",
    title: "no text of any part notifies anybody",
    async run(rig) {
      const target = await rig.conversation();
      const said = new Map<string, string>();
      for (const hostile of hostileTexts(rig)) {
        for (const part of everyPart(hostile)) {
          for (const receipt of await say(rig, target, [part])) said.set(receipt.messageId, `${part.type}: ${hostile}`);
        }
      }
      const messages = await rig.platform.messages(target);
      assert.equal(messages.length, said.size, "not everything that was said can be seen");
      for (const { id, notified } of messages)
        assert.deepEqual(notified, [], `somebody was notified by ${said.get(id)}`);
    },
  },
  {
    id: "AD-SEND-04",
    title: "edits, previews and answers to commands notify nobody either",
    async run(rig) {
      const target = await rig.conversation();
      const thread = await rig.thread(target);
      const { signal } = new AbortController();
      for (const hostile of hostileTexts(rig)) {
        const [receipt] = await say(rig, target, text("harmless"));
        assert.ok(receipt !== undefined);
        await say(rig, target, text(hostile), { edit: { messageId: receipt.messageId, preview: false } });
        assert.deepEqual((await shown(rig, target, receipt)).notified, [], `an edit to ${hostile} notified somebody`);
      }
      for (const place of [target, thread]) {
        const preview = await rig.adapter.features.preview?.open({
          target: place,
          identity: IDENTITY,
          idempotencyKey: marker(),
          markdown: `${hostileTexts(rig).join(" ")} so far`,
          conversation: place.conversation,
          signal,
        });
        await preview?.settle();
        if (preview !== undefined) assert.deepEqual((await shown(rig, place, preview.receipt)).notified, []);
      }
    },
  },
  {
    id: "AD-SEND-04",
    title: "of the people named, those whom the reply may mention are told, and nobody else",
    async run(rig) {
      const target = await rig.conversation();
      const mentions = [rig.asker, rig.bystander].map((person) => `${mentionOf(rig, person.id, person.name)}`);
      const [receipt] = await say(rig, target, text(`${mentions.join(" and ")}, look`), {
        mentionable: [rig.asker.id],
      });
      assert.deepEqual((await shown(rig, target, receipt)).notified, [rig.asker.id]);
    },
  },
  {
    id: "AD-SEND-04",
    title: "a mass mention is live where it is allowed as it is sent, and nowhere else",
    async run(rig) {
      const target = await rig.conversation();
      const told = async (words: string, allowed: boolean): Promise<readonly string[]> => {
        let asked = 0;
        const mayMentionEveryone = async (): Promise<boolean> => {
          asked += 1;
          return allowed;
        };
        const [receipt] = await say(rig, target, text(words), { mayMentionEveryone });
        assert.equal(asked, words.includes("@") ? 1 : 0, `it was asked ${asked} times about ${words}`);
        return (await shown(rig, target, receipt)).notified;
      };
      assert.deepEqual(await told("good news, look", true), []);
      assert.deepEqual(await told("@everyone, look", false), []);
      assert.notDeepEqual(await told("@everyone, look", true), []);
      assert.notDeepEqual(await told("look **@here** now", true), []);
      const [first] = await say(rig, target, text("@everyone, look"));
      assert.deepEqual((await shown(rig, target, first)).notified, []);
    },
  },
  {
    id: "AD-SEND-05",
    title: "links in a reply are fetched by nobody",
    async run(rig) {
      const target = await rig.conversation();
      const bait = await startBait();
      try {
        const links = [
          bait.url,
          `<${bait.url}>`,
          `[a page](${bait.url})`,
          `![a picture](${bait.url}/picture.png)`,
          `[ref][1]\n\n[1]: ${bait.url}`,
          `${bait.url}/movie.mp4`,
        ];
        const receipts: Receipt[] = [];
        for (const link of links) {
          for (const part of everyPart(link)) receipts.push(...(await say(rig, target, [part])));
          const [plain] = await say(rig, target, text("no link yet"));
          assert.ok(plain !== undefined);
          receipts.push(plain);
          await say(rig, target, text(link), { edit: { messageId: plain.messageId, preview: false } });
        }
        const messages = await rig.platform.messages(target);
        assert.equal(messages.length, receipts.length, "not everything that was said can be seen");
        for (const { unfurled } of messages) assert.deepEqual(unfurled, []);
        await pause(QUIET_MS);
        assert.equal(bait.hits(), 0, "somebody fetched a link of a reply");
      } finally {
        await bait.close();
      }
    },
  },
  {
    id: "AD-LOG-01",
    title: "neither secrets nor message text appear in logs or errors, whatever goes wrong",
    alone: true,
    async run(rig, harness) {
      const words = marker();
      const printed = await whilePrinting(async () => {
        const told: string[] = [];
        const target = await rig.conversation();
        await say(rig, target, everyPart(words));
        rig.sink.rejectNext(1);
        await (await rig.inbound("message_created", { target, text: words })).answer;
        const inbound = await rig.inbound("message_created", { target, text: `${words} @guide` });
        await envelopeOf(rig, "message_created", inbound);
        for (const event of await rig.malformedEvents()) await event.send();
        for (const forgery of await rig.forgeries()) await forgery.send();
        const places = await Promise.all(
          harness.failures.map(async (mode) => ({ mode, place: await rig.conversation() })),
        );
        for (const { mode, place } of places.toSorted((a, b) => LASTING.indexOf(a.mode) - LASTING.indexOf(b.mode))) {
          if (mode.startsWith("silent")) continue;
          await rig.fail(mode, place);
          for (const post of postsFor(rig.adapter, place, everyPart(words))) {
            const { error } = await outcomeOf(rig.adapter.send(post));
            if (error !== undefined) told.push(tellError(error));
          }
        }
        const [post] = postsFor(rig.adapter, target, text(words));
        assert.ok(post !== undefined);
        const foreign = await outcomeOf(rig.adapter.send({ ...post, body: { words } }));
        told.push(tellError(foreign.error), inspect(rig.adapter.health(), { depth: 10 }));
        await rig.adapter.stop();
        return told;
      });
      const everything = [...printed, inspect(rig.sink.logged, { depth: 10, maxStringLength: null })].join("\n");
      assert.ok(!everything.includes(words), `the text of a message was told: ${around(everything, words)}`);
      for (const secret of rig.secrets) assert.ok(!everything.includes(secret), "a secret was told");
      const reasons = rig.sink.malformed.map((one) => one.reason).join("\n");
      assert.ok(!rig.secrets.some((secret) => reasons.includes(secret)) && !reasons.includes(words));
    },
  },
];

/** Failures after which nothing more can fail in another way; the others come before them. */
const LASTING: readonly FailureMode[] = ["refused_token", "unreachable"];

/** What tries to notify: everybody, people, groups, in every disguise. */
function hostileTexts(rig: AdapterRig): readonly string[] {
  const { id, name } = rig.bystander;
  return [
    "<!channel> <!here> <!everyone> <!subteam^S0123ABCD>",
    "<!channel|all of you> <!here|@here> <!everyone|x>",
    `<@${id}> <@${id}|you>`,
    "@channel @here @everyone",
    `@${name} @everyone!`,
    `look: \`<!channel>\` and\n\n\`\`\`\n<!here> <@${id}>\n\`\`\``,
    "[<!channel>](https://example.org) and [x](<!here>)",
    `&lt;!channel&gt; &#60;!channel&#62; \\<!channel> \\\\<@${id}>`,
    `<div><!channel></div> <a href="<!here>">x</a>`,
    `| a |\n| - |\n| <!channel> <@${id}> |`,
    `> quoted <!everyone>\n\n- item <@${id}>`,
    `<https://example.org|<!channel>> <mailto:a@example.org|<@${id}>>`,
    `@room @Room ${id} ${id}: hello`,
    `[${name}](https://matrix.to/#/${id}) <https://matrix.to/#/${encodeURIComponent(id)}> \`${id}\``,
    `<a href="https://matrix.to/#/${id}">${name}</a> <@&1234567890123456789> <@!${id}>`,
    "<!chan\u0000nel> <!cha​nnel><!channel>",
  ];
}

/** How a reply names a person: by id where the platform has a form for that, else by name. */
function mentionOf(rig: AdapterRig, id: string, name: string): string {
  const { platform } = rig.adapter;
  if (platform === "matrix") return id;
  return platform === "slack" || platform === "discord" ? `<@${id}>` : `@${name}`;
}

/** A page that counts its visitors. */
async function startBait(): Promise<{ url: string; hits(): number; close(): Promise<void> }> {
  let hits = 0;
  const server = createServer((_request, response) => {
    hits += 1;
    response.end("<title>bait</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a path
  return {
    url: `http://127.0.0.1:${port}/page`,
    hits: () => hits,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Everything a logger or a reader could find in an error, its causes and hidden fields included. */
function tellError(error: unknown): string {
  return `${inspect(error, { depth: 10, showHidden: true, maxStringLength: null })}\n${JSON.stringify(error)}`;
}

function around(everything: string, words: string): string {
  const at = everything.indexOf(words);
  return everything.slice(Math.max(0, at - 200), at).replaceAll("\n", " ");
}
