import { byApp } from "../effects/provenance.ts";
import type { Channel, Wire } from "../model/records.ts";
import { ApiError, invalidArguments } from "./api-error.ts";
import { type BotCall, type Handler, memberChannel, threadRoot } from "./call.ts";
import { identityOf } from "./message-arguments.ts";

const STATUSES = ["active", "processing", "suspended", "closed"];

/** The status line of a thread, and agent sessions. */
export const agentMethods: Record<string, Handler> = {
  "assistant.threads.setStatus": { auth: "bot", scopes: ["chat:write", "assistant:write"], run: setThreadStatus },
  "agents.sessions.setStatus": { auth: "bot", scopes: ["chat:write", "assistant:write"], run: setSessionStatus },
};

/** Moves the session of a thread, if the app is an agent; streams do it by themselves. */
export function setSession(call: BotCall, channel: Channel, threadTs: string, status: string, title?: string): void {
  if (!STATUSES.includes(status)) throw invalidArguments(`invalid status: ${status}`);
  if (!call.app.isAgent) return;
  const session = channel.sessions.get(threadTs) ?? { status, ...(title === undefined ? {} : { title }) };
  session.status = status;
  channel.sessions.set(threadTs, session);
  call.core.log.append({
    kind: "session",
    team: channel.teamId,
    channel: channel.id,
    threadTs,
    text: status,
    ...byApp(call),
  });
}

function setThreadStatus(call: BotCall): Wire {
  const { core, args } = call;
  const channel = memberChannel(call, args.needText("channel_id"));
  const threadTs = threadRoot(channel, args.needText("thread_ts")).ts;
  const loading = args.list("loading_messages");
  if (loading !== undefined && loading.length > 10)
    throw invalidArguments("loading_messages: no more than 10 items allowed");
  const { username } = identityOf(call);
  core.log.append({
    kind: "status",
    team: channel.teamId,
    channel: channel.id,
    threadTs,
    // An empty status is how it is cleared.
    text: args.text("status") ?? "",
    ...byApp(call),
    ...(username === undefined ? {} : { username }),
  });
  return {};
}

function setSessionStatus(call: BotCall): Wire {
  const { app, args } = call;
  // The public documents give no error code for this case; real Slack refuses apps without the agent feature.
  if (!app.isAgent) throw new ApiError("access_denied");
  const channel = memberChannel(call, args.needText("channel_id"));
  const threadTs = threadRoot(channel, args.needText("thread_ts")).ts;
  const status = args.needText("status");
  const title = args.text("title");
  if (title !== undefined && title.length > 200) throw invalidArguments("title must be less than 201 characters");
  identityOf(call);
  setSession(call, channel, threadTs, status, title);
  const listens = app.eventTypes === "all" || app.eventTypes.includes("agent_session_stopped");
  const known = channel.sessions.get(threadTs);
  return {
    status,
    agent_status: status,
    ...(known?.title === undefined ? {} : { title: known.title }),
    ...(status === "processing" && !listens ? { warning: "missing_agent_session_stopped_event_subscription" } : {}),
  };
}
