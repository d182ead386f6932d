import { describe, expect, it } from "vitest";
import { issueSignInLink } from "../../../adapters/web/index.ts";
import {
  AgentsAnswer,
  MembersAnswer,
  PeopleAnswer,
  SignInLinkAnswer,
  type WebRoom,
} from "../../../adapters/web/protocol.ts";
import { WebClient } from "../../support/web/web-client.ts";
import { BACKENDS, ORGANIZATION, startTestRoom } from "../../support/web/web-room.ts";

describe.each(BACKENDS)("access on %s", (backend) => {
  it("signs in once per link, and joins the default room", async () => {
    const room = await startTestRoom({ backend });
    const link = await issueSignInLink({
      store: room.store,
      baseUrl: room.url,
      organizationId: ORGANIZATION,
      personName: "Mara",
      role: "owner",
    });
    expect(new URL(link.url).pathname).toBe("/sign-in");
    expect(new URL(link.url).search).toBe("");
    const code = new URL(link.url).hash.replace("#code=", "");
    const attempts = await Promise.all(
      Array.from({ length: 5 }, () => new WebClient(room.url).request("POST", "/sign-in", { code })),
    );
    expect(attempts.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401, 401, 401]);
    const cookie = attempts.find(({ status }) => status === 200)?.headers.getSetCookie()[0] ?? "";
    expect(cookie).toMatch(/^parley_session=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
    const stored = JSON.stringify(await room.database.query({ text: "select * from web_sessions, web_sign_in_links" }));
    expect(stored).not.toContain(code);
    expect(stored).not.toContain(/=([\w-]{43})/.exec(cookie)?.[1]);
    await expect
      .poll(() => room.sink.envelopes.map(({ kind }) => kind))
      .toEqual(["channel_created", "member_joined", "member_joined"]);
  });

  it("uses a __Host- cookie that is Secure behind an https address, whose origin alone it believes", async () => {
    const room = await startTestRoom({ backend, config: { publicUrl: "https://parley.example.org" } });
    const link = await issueSignInLink({
      store: room.store,
      baseUrl: "https://parley.example.org",
      organizationId: ORGANIZATION,
      personName: "Mara",
      role: "owner",
    });
    const code = new URL(link.url).hash.replace("#code=", "");
    expect((await new WebClient(room.url).request("POST", "/sign-in", { code })).status).toBe(403);
    const page = new WebClient(room.url, "https://parley.example.org");
    const answer = await page.request("POST", "/sign-in", { code });
    expect(answer.headers.getSetCookie()[0]).toMatch(
      /^__Host-parley_session=.*; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
  });

  it("refuses an expired link", async () => {
    const room = await startTestRoom({ backend });
    const link = await issueSignInLink({
      store: room.store,
      baseUrl: room.url,
      organizationId: ORGANIZATION,
      personName: "Mara",
      role: "owner",
    });
    await room.database.query({ text: "update web_sign_in_links set expires_at = now() - interval '1 second'" });
    await expect(new WebClient(room.url).signIn(link.url)).rejects.toThrow("401");
  });

  it("ends a session at once: the next request is refused and the socket is closed", async () => {
    const room = await startTestRoom({ backend });
    const { client, me } = await room.signIn("Mara");
    const elsewhere = await room.signIn("Mara");
    const socket = await client.socket();
    const startedAt = performance.now();
    await elsewhere.client.ok("DELETE", `/sessions/${me.sessionId}`);
    const closed = await socket.closed;
    expect(closed.code).toBe(4401);
    expect(closed.atMs - startedAt).toBeLessThan(1_000);
    expect((await client.request("GET", "/me")).status).toBe(401);
    expect((await elsewhere.client.request("GET", "/me")).status).toBe(200);
    await elsewhere.client.ok("POST", "/sign-out");
    expect((await elsewhere.client.request("GET", "/me")).status).toBe(401);
  });

  it("lets each role invite and decide over lower ones alone", async () => {
    const room = await startTestRoom({ backend });
    const owner = await room.signIn("Olga", "owner");
    const admin = await room.signIn("Adam", "admin");
    const member = await room.signIn("Mara");
    const invite = async (by: typeof owner, role: string) =>
      (await by.client.request("POST", "/invites", { name: `New ${by.me.person.name} ${role}`, role })).status;
    expect([await invite(owner, "owner"), await invite(owner, "admin"), await invite(owner, "member")]).toEqual([
      200, 200, 200,
    ]);
    expect([await invite(admin, "owner"), await invite(admin, "admin"), await invite(admin, "member")]).toEqual([
      403, 403, 200,
    ]);
    expect(await invite(member, "member")).toBe(403);
    const linkFor = async (by: typeof owner, whom: typeof owner) =>
      (await by.client.request("POST", `/people/${whom.me.person.id}/sign-in-link`)).status;
    expect([await linkFor(admin, owner), await linkFor(admin, member), await linkFor(member, admin)]).toEqual([
      403, 200, 403,
    ]);
    const promote = (by: typeof owner) =>
      by.client.request("PATCH", `/people/${member.me.person.id}`, { role: "admin" });
    expect([(await promote(admin)).status, (await promote(owner)).status]).toEqual([403, 200]);
    const resign = await owner.client.request("PATCH", `/people/${owner.me.person.id}`, { role: "member" });
    expect(resign.status).toBe(409);
    const taken = await owner.client.request("POST", "/invites", { name: "mara" });
    expect(taken.status).toBe(409);
    const invited = SignInLinkAnswer.parse(await owner.client.ok("POST", "/invites", { name: "Nils" }));
    const nils = await new WebClient(room.url).signIn(invited.url);
    expect(nils.person).toMatchObject({ name: "Nils", role: "member", active: true });
  });

  it("takes access away: sessions, links and memberships end, and the pipeline hears that the person left", async () => {
    const room = await startTestRoom({ backend });
    const owner = await room.signIn("Olga", "owner");
    const mara = await room.signIn("Mara");
    const socket = await mara.client.socket();
    const link = await owner.client.ok<SignInLinkAnswerBody>("POST", `/people/${mara.me.person.id}/sign-in-link`);
    await owner.client.ok("PATCH", `/people/${mara.me.person.id}`, { active: false });
    expect((await socket.closed).code).toBe(4401);
    expect((await mara.client.request("GET", "/rooms")).status).toBe(401);
    await expect(new WebClient(room.url).signIn(link.url)).rejects.toThrow("401");
    await expect
      .poll(() => room.sink.envelopes.at(-1), { timeout: 10_000 })
      .toMatchObject({
        kind: "member_left",
        body: { memberId: mara.me.person.id },
      });
    const { people } = PeopleAnswer.parse(await owner.client.ok("GET", "/people"));
    expect(people.find(({ name }) => name === "Mara")?.active).toBe(false);
    const members = MembersAnswer.parse(await owner.client.ok("GET", `/rooms/${owner.general.id}/members`));
    expect(members.people.map(({ name }) => name)).toEqual(["Olga"]);
    const { agents } = AgentsAnswer.parse(await owner.client.ok("GET", "/agents"));
    expect(members.agents).toEqual(agents);
    expect(agents).toMatchObject([{ handle: "guide", description: "Knows Parley.", status: "active" }]);
  });

  it("shows a private room and a direct message to their members alone", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const eve = await room.signIn("Eve", "owner");
    const secret = await mara.client.ok<WebRoom>("POST", "/rooms", { name: "secret", kind: "private" });
    const { post } = await mara.client.ok<{ post: { id: string } }>("POST", `/rooms/${secret.id}/messages`, {
      clientMessageId: "client-0001",
      text: "psst",
    });
    const list = await eve.client.ok<{ rooms: WebRoom[] }>("GET", "/rooms");
    expect(list.rooms.map(({ name }) => name)).toEqual(["general"]);
    const attempts: [string, string, unknown?][] = [
      ["GET", `/rooms/${secret.id}`],
      ["GET", `/rooms/${secret.id}/messages`],
      ["GET", `/rooms/${secret.id}/changes?after=0`],
      ["GET", `/rooms/${secret.id}/members`],
      ["GET", `/rooms/${secret.id}/state`],
      ["POST", `/rooms/${secret.id}/join`],
      ["POST", `/rooms/${secret.id}/messages`, { clientMessageId: "client-0002", text: "hi" }],
      ["POST", `/rooms/${secret.id}/members`, { personId: eve.me.person.id }],
      ["POST", `/rooms/${secret.id}/typing`, {}],
      ["POST", `/rooms/${secret.id}/stop`, {}],
      ["PATCH", `/rooms/${secret.id}`, { name: "mine" }],
      ["GET", `/messages/${post.id}`],
      ["PATCH", `/messages/${post.id}`, { text: "mine" }],
      ["DELETE", `/messages/${post.id}`],
      ["PUT", `/messages/${post.id}/reactions/x`],
    ];
    for (const [method, path, json] of attempts) {
      expect([path, (await eve.client.request(method, path, json)).status]).toEqual([path, 404]);
    }
    await mara.client.ok("POST", `/rooms/${secret.id}/members`, { personId: eve.me.person.id });
    expect((await eve.client.request("GET", `/messages/${post.id}`)).status).toBe(200);
    await mara.client.ok("DELETE", `/rooms/${secret.id}/members/${eve.me.person.id}`);
    expect((await eve.client.request("GET", `/messages/${post.id}`)).status).toBe(404);
  });

  it("tells agents of a direct message with an agent, and nothing of one between people", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const withBen = await mara.client.ok<WebRoom>("POST", "/direct", { personId: ben.me.person.id });
    const fromBen = await ben.client.ok<WebRoom>("POST", "/direct", { personId: mara.me.person.id });
    expect(fromBen.id).toBe(withBen.id);
    expect([withBen.name, fromBen.name]).toEqual(["Ben", "Mara"]);
    await mara.client.ok("POST", `/rooms/${withBen.id}/messages`, {
      clientMessageId: "client-0001",
      text: "@guide? /stop",
    });
    const withGuide = await mara.client.ok<WebRoom>("POST", "/direct", { agent: "guide" });
    expect(withGuide).toMatchObject({ kind: "direct", name: "Guide", peer: { kind: "agent", handle: "guide" } });
    await mara.client.ok("POST", `/rooms/${withGuide.id}/messages`, { clientMessageId: "client-0002", text: "hello" });
    expect(room.sink.envelopes.filter((e) => e.conversation.channel.id === withBen.id)).toEqual([]);
    const heard = room.sink.envelopes.filter((e) => e.conversation.channel.id === withGuide.id);
    expect(heard.map(({ kind }) => kind)).toEqual([
      "direct_message_opened",
      "member_joined",
      "member_joined",
      "message_created",
    ]);
    expect(heard.at(-1)).toMatchObject({
      conversation: { channel: { kind: "direct" } },
      body: { mentions: { agents: ["guide"] } },
    });
    const members = MembersAnswer.parse(await mara.client.ok("GET", `/rooms/${withBen.id}/members`));
    expect(members.agents).toEqual([]);
  });

  it("archives, renames and leaves rooms, and keeps the default room", async () => {
    const room = await startTestRoom({ backend });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const made = await mara.client.ok<WebRoom>("POST", "/rooms", { name: "Plans", topic: "what next" });
    expect(made).toMatchObject({ name: "plans", joined: true, may: { post: true, manage: true }, memberCount: 1 });
    expect((await ben.client.request("POST", "/rooms", { name: "plans" })).status).toBe(409);
    const joined = await ben.client.ok<WebRoom>("POST", `/rooms/${made.id}/join`);
    expect(joined).toMatchObject({ joined: true, memberCount: 2, may: { manage: false } });
    expect((await ben.client.request("PATCH", `/rooms/${made.id}`, { archived: true })).status).toBe(403);
    await mara.client.ok("PATCH", `/rooms/${made.id}`, { name: "plan-b" });
    await ben.client.ok("POST", `/rooms/${made.id}/leave`);
    await mara.client.ok("PATCH", `/rooms/${made.id}`, { archived: true });
    const refused = await mara.client.request("POST", `/rooms/${made.id}/messages`, {
      clientMessageId: "client-0001",
      text: "x",
    });
    expect(refused.status).toBe(409);
    expect((await mara.client.request("POST", `/rooms/${mara.general.id}/leave`)).status).toBe(409);
    await expect
      .poll(() => room.sink.envelopes.filter((e) => e.conversation.channel.id === made.id).map(({ kind }) => kind))
      .toEqual([
        "channel_created",
        "member_joined",
        "member_joined",
        "member_joined",
        "channel_renamed",
        "member_left",
        "channel_archived",
      ]);
  });
});

type SignInLinkAnswerBody = { url: string };
