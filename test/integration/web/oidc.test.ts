import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { WebOidcSettings } from "../../../adapters/web/config.ts";
import { WEB_API_PREFIX } from "../../../adapters/web/protocol.ts";
import { CLIENT, type Fault, type OidcProvider, startOidcProvider } from "../../support/oidc/provider.ts";
import { WebClient } from "../../support/web/web-client.ts";
import { BACKENDS, ORGANIZATION, startTestRoom, type TestRoom } from "../../support/web/web-room.ts";

const [backend] = BACKENDS;
let provider: OidcProvider;
beforeAll(async () => {
  provider = await startOidcProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.person = { sub: "1", name: "Ida", email: "ida@example.org", email_verified: true };
  provider.fault = {};
});

const startRoom = async (more: Partial<WebOidcSettings> = {}): Promise<TestRoom> =>
  await startTestRoom({
    backend,
    config: {
      oidc: [
        {
          organizationId: ORGANIZATION,
          issuer: provider.issuer,
          ...CLIENT,
          label: "Acme",
          allowedDomains: ["example.org"],
          claims: {},
          defaultRole: "member",
          ...more,
        },
      ],
    },
  });

interface Jar {
  cookies: Map<string, string>;
}

/** One step of a browser: sends its cookies, takes those it is given, follows nothing. */
async function visit(jar: Jar, address: string, headers: Record<string, string> = {}): Promise<Response> {
  const cookie = [...jar.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const answer = await fetch(address, { redirect: "manual", headers: { ...headers, ...(cookie && { cookie }) } });
  for (const line of answer.headers.getSetCookie()) {
    const [pair = "", ...attributes] = line.split("; ");
    const [name = "", value = ""] = pair.split("=");
    if (attributes.includes("Max-Age=0") || value === "") jar.cookies.delete(name);
    else jar.cookies.set(name, value);
  }
  return answer;
}

const newJar = (): Jar => ({ cookies: new Map() });
const start = (room: TestRoom): string => `${room.url}${WEB_API_PREFIX}/oidc/start`;
const FROM_PROVIDER = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };

/** The way to the provider and up to the address that it sends the browser back to. */
async function toReturn(room: TestRoom, jar: Jar): Promise<URL> {
  const begun = await visit(jar, start(room));
  expect(begun.status).toBe(302);
  const there = await visit(newJar(), begun.headers.get("location") ?? "");
  return new URL(there.headers.get("location") ?? "");
}

async function signIn(
  room: TestRoom,
  jar = newJar(),
): Promise<{ jar: Jar; location: string | null; session: string | undefined }> {
  const answer = await visit(jar, (await toReturn(room, jar)).href, FROM_PROVIDER);
  expect(answer.status).toBe(303);
  return { jar, location: answer.headers.get("location"), session: jar.cookies.get("parley_session") };
}

interface Me {
  readonly person: { readonly id: string; readonly name: string; readonly role: string };
}

async function me(room: TestRoom, session: string | undefined): Promise<Me> {
  const client = new WebClient(room.url);
  client.cookie = `parley_session=${session}`;
  return await client.ok<Me>("GET", "/me");
}

describe("sign-in by the organization's identity provider", () => {
  it("makes a member at the first time and knows them again by issuer and subject alone", async () => {
    const room = await startRoom();
    const options = await (await fetch(`${room.url}${WEB_API_PREFIX}/sign-in-options`)).json();
    expect(options).toEqual({
      oidc: { label: "Acme", url: `${WEB_API_PREFIX}/oidc/start?organization=${ORGANIZATION}` },
    });
    const first = await signIn(room);
    expect(first.location).toBe("/");
    const ida = await me(room, first.session);
    expect(ida.person).toMatchObject({ name: "Ida", role: "member" });
    // Another name and address, the same subject.
    provider.person = { sub: "1", name: "Somebody Else", email: "else@example.org", email_verified: true };
    expect((await me(room, (await signIn(room)).session)).person.id).toBe(ida.person.id);
    // The same name and address, another subject.
    provider.person = { sub: "2", name: "Ida", email: "ida@example.org", email_verified: true };
    const namesake = await me(room, (await signIn(room)).session);
    expect(namesake.person).toMatchObject({ name: "Ida 2", role: "member" });
    expect(namesake.person.id).not.toBe(ida.person.id);
    // The name of the owner, who has no identity at the provider.
    const owner = await room.signIn("Olga", "owner");
    provider.person = { sub: "3", name: "olga", email: "olga@example.org", email_verified: true };
    const other = await me(room, (await signIn(room)).session);
    expect(other.person).toMatchObject({ name: "olga 2", role: "member" });
    expect(other.person.id).not.toBe(owner.me.person.id);
    expect(
      await room.database.query({ text: "select entries from audit_log where entries like '%person_added%'" }),
    ).toHaveLength(3);
  });

  it("gives a cookie that scripts cannot read and other sites do not send; behind TLS it is of the __Host- kind", async () => {
    const room = await startTestRoom({
      backend,
      config: {
        publicUrl: "https://parley.example.org",
        oidc: [
          {
            organizationId: ORGANIZATION,
            issuer: provider.issuer,
            ...CLIENT,
            label: "Acme",
            allowedDomains: ["*"],
            claims: {},
            defaultRole: "member",
          },
        ],
      },
    });
    const begun = await visit(newJar(), start(room));
    expect(new URL(begun.headers.get("location") ?? "").searchParams.get("redirect_uri")).toBe(
      `https://parley.example.org${WEB_API_PREFIX}/oidc/callback`,
    );
    expect(begun.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-parley_oidc=[\w-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    const jar = newJar();
    const back = await toReturn(room, jar);
    const answer = await visit(jar, `${room.url}${back.pathname}${back.search}`, FROM_PROVIDER);
    expect(answer.headers.getSetCookie().at(-1)).toMatch(
      /^__Host-parley_session=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
  });

  it("admits nobody whom the settings do not name, at no time", async () => {
    const room = await startRoom({ allowedDomains: ["example.org"], claims: { groups: ["staff", "admins"] } });
    const staff = { groups: ["guests", "staff"] };
    const refused: Record<string, Record<string, unknown>> = {
      "another domain": { sub: "a", email: "a@example.com", email_verified: true, ...staff },
      "a domain below": { sub: "b", email: "b@evil.example.org", email_verified: true, ...staff },
      "a domain that ends alike": { sub: "c", email: "c@notexample.org", email_verified: true, ...staff },
      "two at signs": { sub: "d", email: "d@example.org@evil.example.com", email_verified: true, ...staff },
      "an address that is not verified": { sub: "e", email: "e@example.org", email_verified: false, ...staff },
      "verified in words": { sub: "f", email: "f@example.org", email_verified: "true", ...staff },
      "no address": { sub: "g", ...staff },
      "another group": { sub: "h", email: "h@example.org", email_verified: true, groups: ["guests"] },
      "no group": { sub: "i", email: "i@example.org", email_verified: true },
      "a group that is no word": { sub: "j", email: "j@example.org", email_verified: true, groups: [["staff"]] },
    };
    const outcomes: Record<string, unknown> = {};
    for (const [name, person] of Object.entries(refused)) {
      provider.person = { name, ...person };
      const { location, session } = await signIn(room);
      outcomes[name] = [location, session];
    }
    expect(outcomes).toEqual(
      Object.fromEntries(Object.keys(refused).map((name) => [name, ["/sign-in#refused", undefined]])),
    );
    expect(await room.database.query({ text: "select 1 from web_people where oidc_subject is not null" })).toEqual([]);
    const denied = await room.database.query<{ entries: string }>({
      text: "select entries from audit_log where entries like '%identity_is_admitted%'",
    });
    expect(denied).toHaveLength(10);
    expect(JSON.stringify(denied)).not.toContain("example.com");
    provider.person = { sub: "k", name: "Kim", email: "kim@EXAMPLE.org", email_verified: true, groups: "admins" };
    expect((await signIn(room)).location).toBe("/");
    provider.person = { ...provider.person, groups: [] };
    expect((await signIn(room)).session).toBeUndefined();
  });

  it("refuses who was deactivated, and their session ends with it", async () => {
    const room = await startRoom();
    const { session } = await signIn(room);
    const { person } = await me(room, session);
    const owner = await room.signIn("Olga", "owner");
    await owner.client.ok("PATCH", `/people/${person.id}`, { active: false });
    const client = new WebClient(room.url);
    client.cookie = `parley_session=${session}`;
    expect((await client.request("GET", "/me")).status).toBe(401);
    const again = await signIn(room);
    expect([again.location, again.session]).toEqual(["/sign-in#refused", undefined]);
  });

  it("refuses every token that is not exactly what it asked for", async () => {
    const room = await startRoom();
    const past = Math.floor(Date.now() / 1_000) - 3_600;
    const faults: Record<string, Fault> = {
      "another nonce": { claims: (claims) => ({ ...claims, nonce: "another" }) },
      "no nonce": { claims: (claims) => ({ ...claims, nonce: undefined }) },
      "another audience": { claims: (claims) => ({ ...claims, aud: "another-client" }) },
      "several audiences for another party": { claims: (claims) => ({ ...claims, aud: ["parley", "x"], azp: "x" }) },
      "another issuer": { claims: (claims) => ({ ...claims, iss: "https://evil.example.org" }) },
      "no subject": { claims: (claims) => ({ ...claims, sub: undefined }) },
      expired: { claims: (claims) => ({ ...claims, iat: past, exp: past + 300 }) },
      "no end": { claims: (claims) => ({ ...claims, exp: undefined }) },
      "alg none": { header: () => ({ alg: "none" }), signature: "none" },
      "no signature": { signature: "none" },
      "another key": { signature: "other" },
      "another key under its own name": { header: () => ({ alg: "RS256", kid: "k2" }), signature: "other" },
      "HS256 over the public key": { header: () => ({ alg: "HS256", kid: "k1" }), signature: "foreign" },
    };
    const outcomes: Record<string, unknown> = {};
    for (const [name, fault] of Object.entries(faults)) {
      provider.fault = fault;
      const { location, session } = await signIn(room);
      outcomes[name] = [location, session];
    }
    expect(outcomes).toEqual(
      Object.fromEntries(Object.keys(faults).map((name) => [name, ["/sign-in#refused", undefined]])),
    );
    expect(provider.tokenRequests.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(13);
    provider.fault = {};
    expect((await signIn(room)).location).toBe("/");
  });

  it("takes a return only in the browser that began, with its own state, and once", async () => {
    const room = await startRoom();
    const refused = async (jar: Jar, back: URL): Promise<unknown> => {
      const answer = await visit(jar, back.href, FROM_PROVIDER);
      return [answer.headers.get("location"), jar.cookies.get("parley_session")];
    };
    const no = ["/sign-in#refused", undefined];
    // A return that somebody else's browser earned (login CSRF).
    const [mine, theirs] = [newJar(), newJar()];
    const [myReturn, theirReturn] = [await toReturn(room, mine), await toReturn(room, theirs)];
    expect(await refused(newJar(), theirReturn)).toEqual(no);
    expect(await refused(mine, theirReturn)).toEqual(no);
    // The attempt is spent by that.
    expect(await refused(mine, myReturn)).toEqual(no);
    for (const change of [
      (back: URL) => back.searchParams.set("state", "another"),
      (back: URL) => back.searchParams.delete("state"),
      (back: URL) => back.searchParams.delete("code"),
      (back: URL) => back.searchParams.set("code", "another"),
      (back: URL) => back.searchParams.append("state", "another"),
      (back: URL) => back.searchParams.set("error", "access_denied"),
    ]) {
      const jar = newJar();
      const back = await toReturn(room, jar);
      change(back);
      expect(await refused(jar, back)).toEqual(no);
    }
    const tampered = newJar();
    const back = await toReturn(room, tampered);
    const sealed = tampered.cookies.get("parley_oidc") ?? "";
    tampered.cookies.set("parley_oidc", `${sealed.slice(0, -2)}${sealed.endsWith("A") ? "BB" : "AA"}`);
    expect(await refused(tampered, back)).toEqual(no);
    const jar = newJar();
    const good = await toReturn(room, jar);
    expect((await visit(jar, good.href, FROM_PROVIDER)).headers.get("location")).toBe("/");
    jar.cookies.delete("parley_session");
    expect(await refused(jar, good)).toEqual(no);
    // Another site may send the browser back from the provider, and may not begin a sign-in.
    expect((await visit(newJar(), start(room), FROM_PROVIDER)).status).toBe(403);
    expect((await visit(newJar(), `${start(room)}?organization=other`)).status).toBe(404);
  });
});
