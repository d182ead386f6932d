import type { PolicyBook } from "../../access/policy-book.ts";
import type { AdapterSink } from "../../contracts/adapter-sink.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Metrics } from "../../contracts/metrics.ts";
import { ConversationPath, Sender } from "../../envelope/conversation.ts";
import { rememberMentions } from "../agent-mentions.ts";
import type { Directory } from "../directory.ts";
import { agentsToAsk, agentsToInvite } from "../route/agents-here.ts";
import type { Ingest } from "./ingest.ts";

/** What adapters are given: the way into the ledger, what they keep, and who the agents are. */
export function createAdapterSink(ports: {
  readonly ingest: Ingest;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly directory: Directory;
  readonly policies: PolicyBook;
  readonly installations: AdapterSink["installations"];
  readonly state: AdapterSink["state"];
}): AdapterSink {
  const { ingest, metrics, logger, directory, policies } = ports;
  const mentionable = rememberMentions();
  return {
    ingest: (envelope, how) => ingest.ingest(envelope, how),
    ingestMalformed: (event) => ingest.ingestMalformed(event),
    ignored(event) {
      metrics.eventIngested(event.platform, "ignored");
      logger.debug({ ...event }, "event ignored");
    },
    installations: ports.installations,
    state: ports.state,
    agents: (organizationId) => mentionable(directory.list(organizationId)),
    agentsFor({ organizationId, installationId, conversation, sender }, to) {
      const [path, who] = [ConversationPath.safeParse(conversation), Sender.safeParse(sender)];
      if (!path.success || !who.success) return [];
      const person = { installationId, conversation: path.data, sender: who.data };
      const offered = to === "ask" ? agentsToAsk : agentsToInvite;
      const found = offered(person, directory.list(organizationId), policies.of(organizationId));
      return found.map(({ agentId, handle, identity }) => ({ agentId, handle, name: identity.name }));
    },
    logger,
  };
}
