import { z } from "zod";
import { wireKey } from "../../../src/envelope/ids.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { WebContext } from "../context.ts";
import type { ExplanationAnswer } from "../explanation.ts";
import { sessionOf } from "../guard.ts";

import type { WebServer } from "../server-plugins.ts";

const PostParams = z.object({ postId: wireKey(128) });

/** Why a post came about, for the members of its room; for everybody else it is not there. */
export function addExplainRoute(server: WebServer, context: WebContext): void {
  server.get("/messages/:postId/explanation", { schema: { params: PostParams } }, async (request) => {
    const { organizationId, personId } = sessionOf(request);
    const [post] = await context.store.posts.byIds(organizationId, [request.params.postId]);
    const seen =
      post !== undefined &&
      (post.visibleTo === undefined || post.visibleTo === personId) &&
      (await context.store.rooms.isMember(organizationId, post.roomId, personId));
    if (!seen) throw new ParleyError("NOT_FOUND");
    const explanation = await context.explain?.(organizationId, { roomId: post.roomId, postId: post.postId });
    if (explanation === undefined) {
      throw new ParleyError("NOT_FOUND", { detail: "No agent was asked here: there is nothing to explain." });
    }
    const { state, stateReason, steps, auditRecords } = explanation;
    return {
      state,
      ...(stateReason === undefined ? {} : { stateReason }),
      steps: steps.map(({ at, verb, agent, outcome, rule, detail }) => ({
        at,
        verb,
        ...(agent === undefined ? {} : { agent }),
        outcome,
        rule,
        ...(typeof detail?.["auditRecord"] === "number" ? { auditRecord: detail["auditRecord"] } : {}),
      })),
      auditRecords: auditRecords.map(({ id, seal }) => ({ id, seal })),
    } satisfies z.input<typeof ExplanationAnswer>;
  });
}
