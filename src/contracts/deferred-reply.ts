import { z } from "zod";
import { Reply } from "../envelope/reply.ts";

/** The body of a deferred reply: a whole reply, or `{ "text": "…" }` for short. */
export const DeferredReply = z.union([Reply, z.strictObject({ text: z.string().min(1).max(262_144) })]);
export type DeferredReply = z.infer<typeof DeferredReply>;
