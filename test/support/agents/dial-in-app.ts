import type { AppPorts } from "../../../src/app.ts";
import type { AgentDefinitionInput } from "../../../src/contracts/agent-definition.ts";
import type { AgentView } from "../../../src/contracts/operations.ts";
import { callApi } from "../app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../app/slack-app.ts";
import { DialInAgent, type DialInAgentOptions } from "./dial-in-agent.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";

/** A whole Parley with agents that dial in, in front of a Slack stand-in. */
export interface DialInApp {
  readonly parley: SlackApp;
  /** A new token of an agent. */
  token(handle: string): Promise<string>;
  dial(handle: string, options?: DialInAgentOptions): Promise<DialInAgent>;
  api<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }>;
  agent(handle: string): Promise<AgentView>;
  /** Asks an agent in a new thread of the first channel; the thread's id. */
  ask(handle: string, text: string): string;
  /** What was answered in a thread, as it stands. */
  answers(thread: string): string[];
  /** Resolves with the answers once there are so many. */
  answered(thread: string, count?: number, withinMs?: number): Promise<string[]>;
  close(): Promise<void>;
}

export async function startDialInApp(
  handles: readonly string[],
  options: {
    readonly definition?: Partial<AgentDefinitionInput>;
    readonly env?: Record<string, string>;
    readonly ports?: AppPorts;
    readonly databaseUrl?: string;
  } = {},
): Promise<DialInApp> {
  const agents = handles.map((handle) => ({
    handle,
    name: handle[0]?.toUpperCase() + handle.slice(1),
    connector: { kind: "socket" },
    historyMessages: 0,
    ...options.definition,
  }));
  const parley = await startSlackApp(agents, {
    env: { PARLEY_TOKEN: OPERATOR, ...options.env },
    ...(options.ports && { ports: options.ports }),
    ...(options.databaseUrl !== undefined && { databaseUrl: options.databaseUrl }),
  });
  const tokens = new Map<string, string>();
  const api: DialInApp["api"] = (method, path, body) =>
    callApi({ url: parley.url, token: OPERATOR }, { method, path, body });
  const token: DialInApp["token"] = async (handle) => {
    const { status, body } = await api<{ secret: string }>("POST", `/api/agents/${handle}/token`);
    if (status !== 201) throw new Error(`the token was refused with ${status}`);
    tokens.set(handle, body.secret);
    return body.secret;
  };
  const { channel, slack, space } = parley;
  const answers: DialInApp["answers"] = (thread) =>
    slack.core
      .channel(channel)
      .messages.filter(
        ({ author, threadTs, deleted }) => author.botId === space.bot.botId && threadTs === thread && !deleted,
      )
      .map((message) => message.text.trim());
  return {
    parley,
    api,
    token,
    answers,
    async dial(handle, more = {}) {
      const own = more.token ?? tokens.get(handle) ?? (await token(handle));
      return await DialInAgent.dial(parley.url, { token: own, ...more });
    },
    async agent(handle) {
      const { body } = await api<{ agents: AgentView[] }>("GET", "/api/agents");
      const found = body.agents.find((agent) => agent.handle === handle);
      if (found === undefined) throw new Error(`there is no agent ${handle}`);
      return found;
    },
    ask: (handle, text) => parley.slack.people.postAs(parley.user, parley.channel, parley.ask(handle, text), {}).ts,
    answered: (thread, count = 1, withinMs = 20_000) =>
      until(() => {
        const seen = answers(thread);
        return seen.length >= count ? seen : undefined;
      }, withinMs),
    close: () => parley.close(),
  };
}
