import { ModelServer } from "../models/model-server.ts";
import { AguiAgent } from "./agui-agent.ts";
import { runOf, says } from "./agui-events.ts";
import { said, streamOf } from "./n8n-chat.ts";
import { WebhookAgent } from "./webhook-agent.ts";

/** An agent outside that says again what it is told, at an address. */
export interface RecipePeer {
  readonly url: string;
  stop(): Promise<void>;
}

/** The newest message that a prompt shows: a model is given those before it in the same text. */
function newestIn(prompt: string): string {
  const messages = [...prompt.matchAll(/<message-[^>]*>(.*?)<\/message-/gu)];
  return messages.at(-1)?.[1] ?? prompt;
}

const again = (words: string): string => `You said: ${words}`;

/** Agents of makes that Parley has no template for, by the handle of their recipe. */
export const PEERS: Readonly<Record<string, () => Promise<RecipePeer>>> = {
  async graph() {
    const agent = await AguiAgent.start((call) => {
      const last = call.input.messages.at(-1)?.content;
      return {
        kind: "run",
        events: runOf(call, says("m1", again(typeof last === "string" ? last : JSON.stringify(last)))),
      };
    });
    return { url: agent.url, stop: () => agent.stop() };
  },
  async flow() {
    const agent = await WebhookAgent.start((call) => {
      const { chatInput } = JSON.parse(call.rawBody) as { chatInput: string }; // what the connector sends is what is tested
      return streamOf(said([again(chatInput)]));
    });
    return { url: agent.url, stop: () => agent.stop() };
  },
  async zap() {
    const agent = await WebhookAgent.start((call) => ({
      kind: "defer",
      reply: { text: again(call.body?.data.trigger.text ?? "") },
      times: 1,
    }));
    return { url: agent.url, stop: () => agent.stop() };
  },
  async writer() {
    const server = await ModelServer.start((call) => ({
      kind: "answer",
      moves: [{ text: again(newestIn(JSON.stringify(call.body.messages.at(-1)?.content))) }],
    }));
    return { url: server.baseUrl, stop: () => server.stop() };
  },
};
