import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import type { ConversationPlan } from "./conversation-plan.ts";

const RESPOND_TIMEOUT_MS = 10_000;
const UNDERSTOOD = "✅";

/** Shows whoever gave a command its answer, where the platform has a way to show it to them alone; a failure is logged and changes nothing. */
export function showAnswers(
  commands: ConversationPlan["commands"],
  ports: {
    readonly adapter: (platform: string) => ChatAdapter | undefined;
    readonly answer: (envelope: Extract<Envelope, { kind: "command_invoked" }>, stopped: number) => string;
    readonly logger: Logger;
  },
): void {
  for (const { envelope, stopped } of commands) {
    const target = {
      organizationId: envelope.organizationId,
      installationId: envelope.installationId,
      conversation: envelope.conversation,
      askerId: envelope.sender.id,
    };
    const signal = AbortSignal.timeout(RESPOND_TIMEOUT_MS);
    const features = ports.adapter(envelope.platform)?.features;
    // Who said a command in words sees by a reaction that it was taken for one.
    if (envelope.kind === "message_created")
      void features?.react?.add(target, envelope.body.messageId, UNDERSTOOD, signal).catch(() => undefined);
    if (envelope.kind !== "command_invoked" || envelope.body.responseToken === undefined) continue;
    void features?.respond
      ?.respond(target, envelope.body.responseToken, ports.answer(envelope, stopped), signal)
      .catch((error: unknown) =>
        ports.logger.info({ err: error, platform: envelope.platform }, "a command's answer could not be shown"),
      );
  }
}
