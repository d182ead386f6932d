import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { WEB_API_PREFIX } from "../../../adapters/web/protocol.ts";
import { BACKENDS, startTestRoom, type TestRoom } from "../../support/web/web-room.ts";

const [backend] = BACKENDS;

/** What other pages could send as Origin, and the page's own. */
function originsOf(url: string): Record<string, string | undefined> {
  const { host, port, hostname } = new URL(url);
  return {
    own: `http://${host}`,
    none: undefined,
    null: "null",
    foreign: "https://evil.example.org",
    "sub-domain": `http://a.${host}`,
    "port variant": `http://${hostname}:${Number(port) + 1}`,
    "other scheme": `https://${host}`,
    "other name of this machine": `http://localhost:${port}`,
    "with a path": `http://${host}/`,
  };
}

describe("what other sites' pages can reach", () => {
  it("takes a socket with the own origin and a right cookie, and no other of the matrix", async () => {
    const room = await startTestRoom({ backend });
    const { client, me } = await room.signIn("Mara");
    const ended = await room.signIn("Mara");
    await client.ok("DELETE", `/sessions/${ended.me.sessionId}`);
    expect(me.sessionId).not.toBe(ended.me.sessionId);
    const cookies: Record<string, string | undefined> = {
      right: client.cookie,
      none: undefined,
      wrong: `parley_session=${"A".repeat(43)}`,
      ended: ended.client.cookie,
    };
    const accepted: string[] = [];
    for (const [originName, origin] of Object.entries(originsOf(room.url))) {
      for (const [cookieName, cookie] of Object.entries(cookies)) {
        if (await opens(client.socketUrl(), { origin, cookie })) accepted.push(`${originName}, ${cookieName}`);
      }
    }
    expect(accepted).toEqual(["own, right"]);
  });

  it("changes nothing for a request with another origin, another site or a body that is no JSON", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const path = `/rooms/${general.id}/messages`;
    const json = (id: string) => JSON.stringify({ clientMessageId: `client-${id}`, text: "hello" });
    const outcomes: Record<string, number> = {};
    for (const [name, origin] of Object.entries(originsOf(room.url))) {
      const headers: Record<string, string> = { "content-type": "application/json", cookie: client.cookie ?? "" };
      if (origin !== undefined) headers["origin"] = origin;
      outcomes[name] = await send(room, path, { method: "POST", headers, body: json(`0${name}`) });
    }
    const own = { origin: client.origin, cookie: client.cookie ?? "" };
    for (const site of ["cross-site", "same-site", "none"]) {
      const headers = { ...own, "content-type": "application/json", "sec-fetch-site": site };
      outcomes[`site ${site}`] = await send(room, path, { method: "POST", headers, body: json(`1${site}`) });
    }
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      outcomes[type] = await send(room, path, {
        method: "POST",
        headers: { ...own, "content-type": type },
        body: json("2222"),
      });
    }
    outcomes["GET"] = await send(room, `${path}?clientMessageId=client-3333&text=hi`, {
      headers: { cookie: own.cookie },
    });
    outcomes["GET from another site"] = await send(room, path, {
      headers: { cookie: own.cookie, "sec-fetch-site": "cross-site" },
    });
    expect(outcomes).toEqual({
      own: 200,
      none: 403,
      null: 403,
      foreign: 403,
      "sub-domain": 403,
      "port variant": 403,
      "other scheme": 403,
      "other name of this machine": 403,
      "with a path": 403,
      "site cross-site": 403,
      "site same-site": 403,
      "site none": 403,
      "text/plain": 400,
      "application/x-www-form-urlencoded": 400,
      "multipart/form-data; boundary=x": 400,
      GET: 400,
      "GET from another site": 403,
    });
    expect(room.sink.envelopes.filter(({ kind }) => kind === "message_created")).toHaveLength(1);
  });

  it("believes no page that reached this machine by a rebound name", async () => {
    const room = await startTestRoom({ backend });
    const { client } = await room.signIn("Mara");
    const { port } = new URL(room.url);
    const headers = {
      host: `evil.example.org:${port}`,
      origin: `http://evil.example.org:${port}`,
      cookie: client.cookie ?? "",
    };
    const answer = await room.server.inject({ method: "POST", url: `${WEB_API_PREFIX}/sign-out`, headers });
    expect(answer.statusCode).toBe(403);
    expect((await client.request("GET", "/me")).status).toBe(200);
  });

  it("answers every route but sign-in with 401 to who has no session, and keeps answers out of caches", async () => {
    const room = await startTestRoom({ backend });
    const { client, general } = await room.signIn("Mara");
    const stranger = new URL(room.url).origin;
    const routes: [string, string][] = [
      ["GET", "/me"],
      ["GET", "/people"],
      ["GET", "/agents"],
      ["GET", "/rooms"],
      ["GET", "/sessions"],
      ["POST", "/rooms"],
      ["POST", "/invites"],
      ["POST", "/direct"],
      ["POST", `/rooms/${general.id}/messages`],
      ["POST", `/rooms/${general.id}/uploads`],
      ["GET", "/uploads/x"],
      ["GET", "/nowhere"],
    ];
    for (const [method, path] of routes) {
      const status = await send(room, path, { method, headers: { origin: stranger } });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
    const me = await client.request("GET", "/me");
    expect(me.headers.get("cache-control")).toBe("no-store");
    expect(me.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await client.request("GET", "/nowhere")).status).toBe(404);
  });

  it("stops asking the ledger about an address that guesses, and limits each person apart", async () => {
    const room = await startTestRoom({ backend, config: { requestsPerMinute: 20 } });
    const mara = await room.signIn("Mara");
    const ben = await room.signIn("Ben");
    const statuses = new Set<number>();
    for (let i = 0; i < 25; i += 1) statuses.add((await mara.client.request("GET", "/agents")).status);
    expect([...statuses]).toEqual([200, 429]);
    const limited = await mara.client.request("GET", "/agents");
    expect(limited.body).toMatchObject({ error: { code: "RATE_EXCEEDED" } });
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await ben.client.request("GET", "/agents")).status).toBe(200);
    const guesses = new Set<number>();
    for (let i = 0; i < 62; i += 1) {
      const cookie = `parley_session=${String(i).padStart(43, "x")}`;
      guesses.add(await send(room, "/me", { headers: { cookie } }));
    }
    expect([...guesses]).toEqual([401, 429]);
  });
});

async function send(room: TestRoom, path: string, init: RequestInit): Promise<number> {
  const response = await fetch(`${room.url}${WEB_API_PREFIX}${path}`, init);
  await response.arrayBuffer();
  return response.status;
}

async function opens(url: string, headers: Record<string, string | undefined>): Promise<boolean> {
  const present = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  const socket = new WebSocket(url, { headers: present as Record<string, string> });
  return await new Promise((resolve) => {
    socket.once("open", () => {
      socket.close();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
