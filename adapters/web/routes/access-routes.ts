import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { WebRole, WebSessionRecord } from "../../../src/contracts/web-room-records.ts";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { WEB_COMMANDS } from "../commands.ts";
import type { WebContext } from "../context.ts";
import { defined } from "../defined.ts";
import { sessionOf } from "../guard.ts";
import { hashSecret, newId, newSecret } from "../ids.ts";
import {
  InviteBody,
  MAX_POST_CHARS,
  MAX_UPLOADS_PER_POST,
  type MeAnswer,
  SignInBody,
  UpdateMeBody,
  UpdatePersonBody,
} from "../protocol.ts";
import type { WebServer } from "../server-plugins.ts";
import { clearSessionCookie, setSessionCookie } from "../session-cookie.ts";
import { INVITE_TTL_MS, issueLink, SIGN_IN_LINK_TTL_MS } from "../sign-in.ts";
import { agentView, personView } from "../views.ts";

const SIGN_INS_PER_MINUTE = 10;
const MAX_USER_AGENT_CHARS = 200;
const PersonParams = z.object({ personId: wireKey(128) });
const SessionParams = z.object({ sessionId: wireKey(128) });

/** Sign-in, sessions, people and invitations. */
export function addAccessRoutes(server: WebServer, context: WebContext): void {
  const { access } = context.store;
  const { publicUrl } = context.config;

  server.post(
    "/sign-in",
    {
      schema: { body: SignInBody },
      config: {
        webPublic: true,
        rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: 60_000, keyGenerator: (request) => `sign-in:${request.ip}` },
      },
    },
    async (request, reply) => {
      const token = newSecret();
      const session = await access.redeemLink({
        codeHash: hashSecret(request.body.code),
        tokenHash: hashSecret(token),
        sessionId: newId("s"),
        newPersonId: newId("u"),
        userAgent: (request.headers["user-agent"] ?? "").slice(0, MAX_USER_AGENT_CHARS),
        sessionTtlMs: context.config.sessionTtlMs,
      });
      if (session === undefined || !context.config.organizationIds.includes(session.organizationId)) {
        throw new ParleyError("UNAUTHENTICATED", {
          detail: "This sign-in link was used already or is too old; ask for a new one.",
        });
      }
      // The person may have joined the default room.
      context.intake.sweepSoon();
      setSessionCookie(request, reply, { publicUrl, token, maxAgeMs: context.config.sessionTtlMs });
      return await meAnswer(context, session);
    },
  );

  server.post("/sign-out", async (request, reply) => {
    const { organizationId, personId, sessionId } = sessionOf(request);
    await access.revokeSession(organizationId, personId, sessionId);
    clearSessionCookie(request, reply, publicUrl);
    return await nothing(reply);
  });

  server.get("/me", async (request) => await meAnswer(context, sessionOf(request)));

  server.patch("/me", { schema: { body: UpdateMeBody } }, async (request) => {
    const session = sessionOf(request);
    await access.updatePerson(session.organizationId, session.personId, request.body);
    return await meAnswer(context, session);
  });

  server.get("/sessions", async (request) => {
    const { organizationId, personId, sessionId } = sessionOf(request);
    const sessions = await access.sessionsOf(organizationId, personId);
    return {
      sessions: sessions.map((one) => ({
        id: one.sessionId,
        createdAt: one.createdAt,
        lastSeenAt: one.lastSeenAt,
        expiresAt: one.expiresAt,
        current: one.sessionId === sessionId,
        userAgent: one.userAgent,
      })),
    };
  });

  server.delete("/sessions/:sessionId", { schema: { params: SessionParams } }, async (request, reply) => {
    const { organizationId, personId } = sessionOf(request);
    const ended = await access.revokeSession(organizationId, personId, request.params.sessionId);
    if (!ended) throw new ParleyError("NOT_FOUND");
    return await nothing(reply);
  });

  server.get("/people", async (request) => ({
    people: (await access.people(sessionOf(request).organizationId)).map(personView),
  }));

  server.get("/agents", async (request) => ({
    agents: context.agents(sessionOf(request).organizationId).map(agentView),
  }));

  server.patch("/people/:personId", { schema: { params: PersonParams, body: UpdatePersonBody } }, async (request) => {
    const session = sessionOf(request);
    const person = await access.person(session.organizationId, request.params.personId);
    if (person === undefined) throw new ParleyError("NOT_FOUND");
    const { role } = request.body;
    if (role !== undefined && session.role !== "owner") throw denied("Only an owner changes roles.");
    requireRankOver(session, person.role);
    const changed = await access.updatePerson(session.organizationId, person.personId, defined(request.body));
    if (changed === undefined) throw new ParleyError("NOT_FOUND");
    context.intake.sweepSoon();
    return personView(changed);
  });

  server.post("/people/:personId/sign-in-link", { schema: { params: PersonParams } }, async (request) => {
    const session = sessionOf(request);
    const { organizationId } = session;
    const person = await access.person(organizationId, request.params.personId);
    if (person === undefined) throw new ParleyError("NOT_FOUND");
    // Who holds the link is that person: an admin who could have one for an owner would be an owner.
    requireRankOver(session, person.role);
    return await issueLink({
      store: context.store,
      baseUrl: baseUrlOf(request, publicUrl),
      organizationId,
      for: { personId: person.personId },
      ttlMs: SIGN_IN_LINK_TTL_MS,
    });
  });

  server.post("/invites", { schema: { body: InviteBody } }, async (request) => {
    const session = sessionOf(request);
    const { name, role } = request.body;
    requireRankOver(session, role);
    return await issueLink({
      store: context.store,
      baseUrl: baseUrlOf(request, publicUrl),
      organizationId: session.organizationId,
      for: { name, role, reuseName: false },
      ttlMs: INVITE_TTL_MS,
    });
  });
}

/** Owners decide over everybody, admins over members, members over nobody. */
function requireRankOver(session: WebSessionRecord, role: WebRole): void {
  const allowed = session.role === "owner" || (session.role === "admin" && role === "member");
  if (!allowed) throw denied("Your role does not allow that.");
}

function denied(detail: string): ParleyError {
  return new ParleyError("PERMISSION_DENIED", { detail });
}

/** The guard has found the `Origin` to be the page's own. */
function baseUrlOf(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? request.headers.origin ?? `${request.protocol}://${request.host}`;
}

async function meAnswer(context: WebContext, session: WebSessionRecord): Promise<MeAnswer> {
  const person = await context.store.access.person(session.organizationId, session.personId);
  if (person === undefined) throw new ParleyError("UNAUTHENTICATED");
  return {
    person: personView(person),
    organizationId: session.organizationId,
    sessionId: session.sessionId,
    commands: WEB_COMMANDS.map((command) => ({ ...command })),
    limits: {
      maxPostChars: MAX_POST_CHARS,
      maxUploadBytes: context.config.maxUploadBytes,
      maxUploadsPerPost: MAX_UPLOADS_PER_POST,
    },
  };
}

/** An answer without a body. */
export async function nothing(reply: FastifyReply): Promise<FastifyReply> {
  return await reply.code(204).send();
}
