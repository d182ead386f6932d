import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../../../src/contracts/adapter.ts";
import type { AdapterFeatures } from "../../../src/contracts/adapter-features.ts";
import { Envelope } from "../../../src/envelope/envelope.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterRig, FeatureName } from "./harness.ts";
import {
  envelopeOf,
  failureOf,
  IDENTITY,
  marker,
  messageIdOf,
  outcomeOf,
  PATIENCE_MS,
  postFor,
  QUIET_MS,
  say,
  shown,
  text,
  until,
} from "./probe.ts";
import { PNG } from "./reply-samples.ts";

export const featureChecks: readonly AdapterCheck[] = [
  {
    id: "AD-FEAT-01",
    title: "exactly the features are declared that the platform has",
    unstarted: true,
    async run(rig, harness) {
      const declared = Object.entries(rig.adapter.features).flatMap(([name, value]) =>
        value === undefined ? [] : [name],
      );
      assert.deepEqual(declared.sort(), [...harness.features].sort());
      for (const count of Object.values(rig.adapter.limits)) assert.ok(typeof count === "boolean" || count >= 0);
    },
  },
  feature("preview", "shows growing text in one message, which its final text replaces", async (rig, feature) => {
    const target = await rig.conversation();
    for (const place of [await rig.thread(target), target]) await preview(rig, feature, place);
  }),
  feature("react", "adds and takes back a reaction, however often it is asked to", async (rig, reactions) => {
    const target = await rig.conversation();
    const { messageId } = await rig.inbound("message_created", { target });
    assert.ok(messageId !== undefined);
    const { signal } = new AbortController();
    for (let time = 0; time < 2; time++) await reactions.add(target, messageId, "👀", signal);
    assert.equal((await rig.platform.reactions(target, messageId)).length, 1, "the reaction is not there once");
    for (let time = 0; time < 2; time++) await reactions.remove(target, messageId, "👀", signal);
    assert.deepEqual(await rig.platform.reactions(target, messageId), []);
  }),
  feature("delete", "removes a message, however often it is asked to", async (rig, feature) => {
    const target = await rig.conversation();
    const [receipt] = await say(rig, target, text(marker()));
    assert.ok(receipt !== undefined);
    const { signal } = new AbortController();
    for (let time = 0; time < 2; time++) await feature.delete(target, receipt.messageId, signal);
    assert.deepEqual(await rig.platform.messages(target), []);
  }),
  feature("status", "shows and clears what the agent does, and never throws", async (rig, status) => {
    const thread = await rig.thread(await rig.conversation());
    const line = `Reading ${marker()}`;
    await status.show(thread, IDENTITY, line);
    await until(async () => (await rig.platform.status(thread))?.includes(line) === true, "the status is not shown");
    await status.show(thread, IDENTITY, "");
    await until(async () => ((await rig.platform.status(thread)) ?? "") === "", "the status was not cleared");
    await status.show({ ...thread, installationId: "nobody's", organizationId: "nobody's" }, IDENTITY, line);
  }),
  feature("respond", "answers a command so that its caller alone sees it", async (rig, feature) => {
    const target = await rig.conversation();
    const envelope = await envelopeOf(rig, "command_invoked", await rig.inbound("command_invoked", { target }));
    assert.ok(envelope.kind === "command_invoked" && envelope.body.responseToken !== undefined, "no response token");
    const words = marker();
    await feature.respond(target, envelope.body.responseToken, words, new AbortController().signal);
    const answers = await rig.platform.privateAnswers(target);
    assert.ok(
      answers.some((answer) => answer.includes(words)),
      "the answer did not reach the caller",
    );
    assert.ok(!(await rig.platform.messages(target)).some((one) => one.content.includes(words)), "everybody sees it");
  }),
  feature("privately", "shows a reply to one person alone", async (rig, feature) => {
    const target = await rig.conversation();
    const words = marker();
    const reply = { target, identity: IDENTITY, parts: text(words), idempotencyKey: marker() };
    const show = () => feature.show({ ...reply, personId: rig.asker.id, signal: new AbortController().signal });
    if (rig.agree !== undefined) {
      const { delivery, row } = await failureOf(show());
      assert.deepEqual([delivery, row.retry], ["not_sent", "backoff"], "it can be tried again once they agreed");
      assert.deepEqual(await rig.platform.privateAnswers(target), [], "it was shown before they agreed");
      await rig.agree();
      // That they did may come to the adapter a moment later.
      await until(async () => {
        const { error } = await outcomeOf(show());
        assert.ok(
          error === undefined || (error instanceof ParleyError && error.row.retry === "backoff"),
          String(error),
        );
        return error === undefined;
      }, "the reply was not shown");
    } else await show();
    const answers = await rig.platform.privateAnswers(target);
    assert.ok(
      answers.some((answer) => answer.includes(words)),
      "the reply did not reach the person",
    );
    assert.ok(!(await rig.platform.messages(target)).some((one) => one.content.includes(words)), "everybody sees it");
    if (rig.outsider === undefined) return;
    const outside = feature.show({
      ...reply,
      personId: rig.outsider.id,
      idempotencyKey: marker(),
      signal: new AbortController().signal,
    });
    assert.equal((await failureOf(outside)).delivery, "not_sent", "it was shown to somebody who is not there");
  }),
  feature("direct", "opens the direct message with a person, the same one each time", async (rig, feature) => {
    const target = await rig.conversation();
    const query = { target, personId: rig.asker.id, identity: IDENTITY, idempotencyKey: marker() };
    const open = () => feature.open({ ...query, signal: new AbortController().signal });
    if (rig.agree !== undefined) {
      const { delivery, row } = await failureOf(open());
      assert.deepEqual([delivery, row.retry], ["not_sent", "backoff"], "it can be tried again once they agreed");
      await rig.agree();
      await until(async () => (await outcomeOf(open())).error === undefined, "the direct message was not opened");
    }
    const conversation = await open();
    assert.equal(conversation.channel.kind, "direct");
    assert.notEqual(conversation.channel.id, target.conversation.channel.id);
    assert.equal((await open()).channel.id, conversation.channel.id, "another one was opened");
    const words = marker();
    const direct = { ...target, conversation };
    const [receipt] = await say(rig, direct, text(words));
    assert.ok((await shown(rig, direct, receipt)).content.includes(words), "what is said there is not shown there");
    assert.ok(!(await rig.platform.messages(target)).some((one) => one.content.includes(words)), "everybody sees it");
  }),
  feature("members", "names everybody who is in the conversation, and itself", async (rig, members) => {
    const everybody = await members.list(await rig.conversation(), new AbortController().signal);
    for (const person of [rig.asker, rig.bystander]) {
      const member = everybody.find((one) => one.id === person.id);
      assert.deepEqual(member && { name: member.name, kind: member.kind, self: member.self }, {
        name: person.name,
        kind: "human",
        self: false,
      });
    }
    const self = everybody.filter((member) => member.self);
    assert.equal(self.length, 1, "the installation itself is not among them once");
    assert.notEqual(self[0]?.kind, "human");
    if (rig.outsider !== undefined)
      assert.ok(!everybody.some((one) => one.id === rig.outsider?.id), "somebody is named who is not in it");
  }),
  feature("members", "says what each of them is: who governs is told from ordinary members", async (rig, members) => {
    const everybody = await members.list(await rig.conversation(), new AbortController().signal);
    const classOf = (id: string) => everybody.find((one) => one.id === id)?.memberClass;
    assert.equal(classOf(rig.asker.id), "admin", "somebody who governs is taken for less");
    assert.equal(classOf(rig.bystander.id), "member", "an ordinary member is taken for something else");
    for (const one of everybody.filter((member) => member.self))
      assert.ok(one.memberClass === "bot" || one.memberClass === "agent", "the installation is taken for a person");
  }),
  feature("members", "knows whether the installation is in a conversation at all", async (rig, members) => {
    const target = await rig.conversation();
    const { signal } = new AbortController();
    assert.equal(await members.present(target, signal), true);
    const { putOut } = rig.afterwards ?? {};
    if (putOut === undefined) return;
    await putOut(target);
    await until(async () => !(await members.present(target, signal)), "it is said to be where it was put out of");
  }),
  feature("history", "reads what was said, oldest first, as envelopes", async (rig, history) => {
    const target = await rig.conversation();
    const since = new Date(Date.now() - 60_000).toISOString();
    const ids: (string | undefined)[] = [];
    ids.push((await rig.inbound("message_created", { target })).messageId);
    ids.push((await say(rig, target, text(marker())))[0]?.messageId);
    ids.push((await rig.inbound("message_created", { target })).messageId);
    const { signal } = new AbortController();
    const past = await history.read({ target, since, maxMessages: 50, signal });
    for (const envelope of past) assert.ok(Envelope.safeParse(envelope).success, "the history holds no envelope");
    assert.deepEqual(past.map(messageIdOf), ids);
    const orders = past.map((one) => one.platformOrder);
    assert.deepEqual(orders, orders.toSorted());
    const newest = await history.read({ target, since, maxMessages: 1, signal });
    assert.deepEqual(newest.map(messageIdOf), ids.slice(-1), "of a long history, the newest is to be given");
  }),
  feature("access", "says who may read and write, and allows nothing that it cannot find out", async (rig, access) => {
    const target = await rig.conversation();
    const { outsider } = rig;
    assert.ok(outsider !== undefined, "the rig has nobody from outside");
    const { signal } = new AbortController();
    const rightsOf = async (memberId: string) => await access.check({ target, memberId, signal });
    const { read, post, rule } = await rightsOf(rig.asker.id);
    assert.deepEqual({ read, post }, { read: true, post: true }, `a member is kept out by ${rule}`);
    assert.equal((await rightsOf(rig.bystander.id)).moderate, false, "everybody is said to moderate");
    for (const stranger of [outsider.id, "nobody-that-exists"]) {
      const rights = await rightsOf(stranger);
      assert.notEqual(rights.rule.trim(), "");
      const { read: mayRead, post: mayPost, moderate } = rights;
      assert.deepEqual([mayRead, mayPost, moderate], [false, false, false], `${stranger} is let in by ${rights.rule}`);
    }
    const elsewhere = {
      ...target,
      conversation: { ...target.conversation, channel: { ...target.conversation.channel } },
    };
    elsewhere.conversation.channel.id = "nowhere";
    assert.equal((await access.check({ target: elsewhere, memberId: rig.asker.id, signal })).read, false);
  }),
  feature("media", "fetches a file's bytes, and no more than asked for", async (rig, files) => {
    const bytes = new Uint8Array(PNG);
    const inbound = await rig.inbound("message_created", { file: { name: "dot.png", bytes } });
    const envelope = await envelopeOf(rig, "message_created", inbound);
    assert.ok(envelope.kind === "message_created");
    const media = envelope.body.content.find((block) => block.type === "media");
    assert.ok(media?.type === "media", "the message holds no file");
    const query = { installationId: rig.installationId, mediaId: media.mediaId, signal: new AbortController().signal };
    const fetched = await files.fetch({ ...query, maxBytes: 10_000 });
    assert.deepEqual(Buffer.from(fetched.bytes), PNG);
    assert.equal((await failureOf(files.fetch({ ...query, maxBytes: 10 }))).code, "PAYLOAD_TOO_LARGE");
  }),
];

type Feature<Name extends FeatureName> = NonNullable<AdapterFeatures[Name]>;

function feature<Name extends FeatureName>(
  name: Name,
  title: string,
  works: (rig: AdapterRig, feature: Feature<Name>) => Promise<void>,
): AdapterCheck {
  return {
    id: "AD-FEAT-01",
    title: `${name} ${title}`,
    feature: name,
    async run(rig: AdapterRig) {
      const declared: AdapterFeatures[Name] = rig.adapter.features[name];
      assert.ok(declared !== undefined, `${name} is not declared`);
      await works(rig, declared);
    },
  };
}

async function preview(rig: AdapterRig, feature: Feature<"preview">, target: Target): Promise<void> {
  const words = [marker(), marker(), marker()];
  const final = `The final words are ${marker()}.`;
  const live = await feature.open({
    target,
    identity: IDENTITY,
    idempotencyKey: marker(),
    markdown: `${words[0]} begins `,
    conversation: target.conversation,
    signal: new AbortController().signal,
  });
  assert.ok((await shown(rig, target, live.receipt)).content.includes(words[0] ?? ""), "the first words are not shown");
  live.offer(`${words[0]} begins and ${words[1]} goes on `);
  await until(
    async () => (await shown(rig, target, live.receipt)).content.includes(words[1] ?? ""),
    "what the agent said next is not shown",
    PATIENCE_MS,
  );
  live.offer(`${words[0]} begins and ${words[1]} goes on and `);
  await live.settle();
  live.offer(`${words[2]} comes too late `);
  const edit = { messageId: live.receipt.messageId, preview: true };
  const receipt = await rig.adapter.send(postFor(rig.adapter, target, text(final), { edit }));
  assert.equal(receipt.messageId, live.receipt.messageId, "the final text is another message");
  await pause(QUIET_MS);
  const messages = await rig.platform.messages(target);
  assert.equal(messages.length, 1, "preview and final text are not one message");
  assert.equal(messages[0]?.content.trim(), final);
}
