import type { Logger } from "../../contracts/logger.ts";
import type { Envelope, EnvelopeOf } from "../../envelope/envelope.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import type { ClaimedConversation } from "../../ledger/claims.ts";
import { classOf } from "../agent-grant.ts";
import type { Directory } from "../directory.ts";
import type { InvitationOutcome, Invitations } from "../operations/invitation-operations.ts";

/** Commands by which people invite agents; what they type after it names the agents. */
export const INVITATION_COMMANDS: ReadonlySet<string> = new Set(["invite", "uninvite", "takeover"]);

/** Carries out the commands about invitations of conversations that are about to be routed. */
export interface InvitationCommands {
  /**
   * Resolves once all of them are done, before routing commits that they are: a crash in between does them again, which changes nothing. Rejects
   * when the ledger cannot be reached.
   */
  carryOut(claimed: readonly ClaimedConversation[]): Promise<void>;
  /** What to tell who gave the command; undefined for any other. */
  answerTo(envelope: Envelope): string | undefined;
}

/** Agents that one command may name. */
const MAX_AGENTS = 10;

export function createInvitationCommands(options: {
  readonly invitations: Invitations;
  readonly directory: Directory;
  readonly logger: Logger;
}): InvitationCommands {
  const answers = new WeakMap<object, string>();

  async function one(eventId: string, envelope: EnvelopeOf<"command_invoked">): Promise<string> {
    const handles = agentsNamed(envelope, options.directory);
    if (handles.length === 0) return `Name the agent, such as \`${envelope.body.command} @agent\`.`;
    const lines: string[] = [];
    for (const handle of handles) lines.push(await carryOutFor(handle, eventId, envelope));
    return lines.join("\n");
  }

  async function carryOutFor(
    handle: string,
    eventId: string,
    envelope: EnvelopeOf<"command_invoked">,
  ): Promise<string> {
    const { invitations } = options;
    const request = {
      organizationId: envelope.organizationId,
      installationId: envelope.installationId,
      path: envelope.conversation,
      agentHandle: handle,
      by: {
        kind: "person",
        id: envelope.sender.agent ?? envelope.sender.id,
        memberClass: classOf(envelope.sender),
        seenAt: envelope.platformOrder,
      },
      eventId,
    } as const;
    const { command } = envelope.body;
    const outcome =
      command === "invite"
        ? await invitations.invite(request)
        : command === "uninvite"
          ? await invitations.uninvite(request)
          : await invitations.takeOver(request);
    return answerOf(outcome, handle);
  }

  return {
    async carryOut(claimed) {
      for (const { id, envelope } of claimed.flatMap((conversation) => conversation.events ?? [])) {
        const known = envelope as Envelope; // validated at ingest
        if (known.kind !== "command_invoked" || !INVITATION_COMMANDS.has(known.body.command)) continue;
        try {
          answers.set(known, await one(id, known));
        } catch (error) {
          if (toParleyError(error, "INVARIANT_BROKEN").code === "LEDGER_UNAVAILABLE") throw error;
          // One command that cannot be carried out must not hold up a conversation.
          options.logger.error({ err: error, eventId: id }, "a command about an invitation failed");
          answers.set(known, "That could not be done; nothing has changed.");
        }
      }
    },
    answerTo: (envelope) => answers.get(envelope),
  };
}

/** Handles of the agents that a command names: as mentions, or by its first word where it holds none. */
function agentsNamed(envelope: EnvelopeOf<"command_invoked">, directory: Directory): readonly string[] {
  const { mentions, text } = envelope.body;
  const mentioned = mentions.agents.map((named) => directory.get(named)?.handle ?? named);
  const typed = /^@?([a-z][\w-]{0,31})(?=\s|$)/iu.exec(text.trim())?.[1]?.toLowerCase();
  const handles = mentioned.length > 0 || typed === undefined ? mentioned : [typed];
  return [...new Set(handles)].slice(0, MAX_AGENTS);
}

/** What became of it, for who asked; says whom to turn to where it was refused. */
export function answerOf({ result, rule, invitation }: InvitationOutcome, handle: string): string {
  const owner = invitation?.inviterKind === "operator" ? "an operator" : (invitation?.inviterName ?? "another member");
  switch (result) {
    case "invited":
      return `@${handle} takes part here now. The invitation is yours: it ends when you leave, unless another member takes it over.`;
    case "uninvited":
      return `@${handle} no longer takes part here; what it was doing was stopped.`;
    case "taken_over":
      return `The invitation of @${handle} is yours now.`;
    case "already_own":
      return `@${handle} takes part here already, by your invitation.`;
    case "already_invited":
      return invitation?.inviterKind === "operator"
        ? `@${handle} takes part here already, invited by an operator; that ends with nobody's leaving.`
        : `@${handle} takes part here already, invited by ${owner}. With \`takeover @${handle}\` the invitation becomes yours.`;
    case "already_member":
      return `@${handle} is a member here by its own definition; only an operator can change that.`;
    case "not_invited":
      return `@${handle} is not invited here.`;
    case "unknown_agent":
      return `There is no agent @${handle}.`;
    case "denied":
      return rule === "direct_messages_have_their_members"
        ? "Nobody is invited into direct messages."
        : `You may not do that here (${rule}).`;
  }
}
