import { once } from "node:events";
import {
  type AgentContext,
  type McpServer,
  methods,
  type PromptResponse,
  RequestError,
  type RequestPermissionResponse,
  type SessionUpdate,
} from "@agentclientprotocol/sdk";
import { markIn, piecesOf } from "../agents/cuts/tale.ts";
import type { AgentReport } from "./control.ts";

/** One prompt as a scripted agent sees it. */
export interface Scene {
  readonly behaviour: string;
  readonly client: AgentContext;
  readonly sessionId: string;
  readonly text: string;
  readonly cancelled: AbortSignal;
  readonly history: readonly string[];
  readonly servers: readonly McpServer[];
  readonly update: (update: SessionUpdate) => Promise<void>;
  readonly report: (line: AgentReport) => void;
  /** Resolves once the agent is told to behave so. */
  readonly told: (behaviour: string) => Promise<void>;
  /** Starts a shell command and gives its process. */
  readonly fork: (command: string, detached: boolean) => number;
}

const END: PromptResponse = { stopReason: "end_turn" };
const never = () => new Promise<never>(() => undefined);

/** Does what the behaviour says: those of the connector suite by their names, and others of the protocol's own. */
export async function perform(scene: Scene): Promise<PromptResponse> {
  const { behaviour, update, cancelled } = scene;
  const say = (text: string) => update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  switch (behaviour) {
    case "answer":
      await say("Hello ");
      await say("there.");
      await update({
        sessionUpdate: "tool_call",
        toolCallId: "call_1",
        title: "Look it up",
        name: "lookup",
        kind: "search",
        status: "pending",
        rawInput: {},
      });
      await update({
        sessionUpdate: "tool_call_update",
        toolCallId: "call_1",
        status: "completed",
        content: [{ type: "content", content: { type: "text", text: "found" } }],
      });
      await say("Done.");
      return END;
    case "echo":
      for (const piece of messageOf(scene.text).match(/.{1,4}/gs) ?? []) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
        await say(piece);
      }
      return END;
    case "hang":
      return never();
    case "hang_midway":
      await say("Half of");
      return never();
    case "crash":
      process.exit(3);
    case "crash_midway":
      await say("Half of");
      await written();
      process.kill(process.pid, "SIGKILL");
      return never();
    case "crash_quoting":
      process.stderr.write(`cannot answer ${messageOf(scene.text)} with ${JSON.stringify(process.env)}\n`);
      throw new RequestError(-32_603, `cannot answer: ${messageOf(scene.text)}`, { env: { ...process.env } });
    case "nonsense":
      process.stdout.write(`${messageOf(scene.text)} and no JSON\n`);
      return never();
    case "endless":
      return flood(
        scene,
        { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "x".repeat(1_000) } },
        Infinity,
      );
    case "flood":
      return flood(
        scene,
        {
          sessionUpdate: "agent_message_chunk",
          content: { type: "resource", resource: { uri: "file:///x.txt", text: "x" } },
        },
        100_000,
      );
    case "flood_of_tools":
      return flood(scene, undefined, 100_000);
    case "late":
      await say("Half of");
      if (!cancelled.aborted) await once(cancelled, "abort");
      await say(" and what comes too late");
      return { stopReason: "cancelled" };
    case "twice":
      setTimeout(() => {
        const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "once more" } };
        for (const id of [0, 1, 2])
          process.stdout.write(
            `${JSON.stringify({ jsonrpc: "2.0", id, result: { stopReason: "refusal", sessionId: "other" } })}\n`,
          );
        process.stdout.write(
          `${JSON.stringify({ jsonrpc: "2.0", method: "session/update", params: { sessionId: scene.sessionId, update } })}\n`,
          () => scene.report({ type: "answer", to: "twice", answer: null }),
        );
      }, 50);
      await say("once");
      return END;
    case "in_one_breath": {
      await say("once");
      const { sessionId } = scene;
      const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: " and too late" } };
      const lines = [
        // The greeting and the session were 0 and 1.
        { jsonrpc: "2.0", id: 2, result: END },
        { jsonrpc: "2.0", method: "session/update", params: { sessionId, update } },
      ];
      process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      return never();
    }
    case "tools":
      await say(await callTools(scene.servers));
      return END;
    case "fork": {
      const pids = [
        scene.fork("sleep 300", false),
        scene.fork("sleep 300", true),
        scene.fork("sleep 300 & wait", true),
      ];
      scene.report({ type: "forked", pids });
      return never();
    }
    case "bomb":
      process.stdout.write(`${"[".repeat(500_000)}\n`);
      return never();
    case "long_line":
      process.stdout.write(`{"jsonrpc":"2.0","method":"session/update","params":"${"x".repeat(2_000_000)}"}\n`);
      return never();
    case "history":
      await say(`turn ${scene.history.length - 1}; ${messageOf(scene.text)}`);
      return END;
    case "permission":
    case "permission_twice":
    case "permission_long":
      return askPermission(
        scene,
        behaviour === "permission_twice" ? 2 : 1,
        behaviour === "permission_long" ? `echo ${"a".repeat(13_000)}; rm -rf build` : "rm -rf build",
      );
    default:
      return performExtra(scene);
  }
}

/** Behaviours that have an argument: a list of updates or one question as JSON, `updates:[…]`, `elicit:{…}`; `stop:refusal`; `tale:3`, a tale that is held before its fourth piece; `drip:300`, `die_after:1500` in ms; `other_session:words`. */
async function performExtra(scene: Scene): Promise<PromptResponse> {
  const { behaviour, update, client, sessionId, report } = scene;
  const colon = behaviour.indexOf(":");
  const argument = behaviour.slice(colon + 1);
  switch (behaviour.slice(0, colon)) {
    case "updates":
      for (const one of JSON.parse(argument) as SessionUpdate[]) await update(one); // a test's own list
      return END;
    case "elicit": {
      const answer = await client.request(methods.client.elicitation.create, { sessionId, ...JSON.parse(argument) });
      report({ type: "answer", to: "elicitation", answer });
      await update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: JSON.stringify(answer) } });
      return END;
    }
    case "call": {
      const answer = await client
        .request(argument, { sessionId })
        .catch((error: unknown) => ({ refused: (error as RequestError).code }));
      report({ type: "answer", to: argument, answer });
      return END;
    }
    case "drip":
      while (!scene.cancelled.aborted) {
        await update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "." } });
        await new Promise((resolve) => setTimeout(resolve, Number(argument)));
      }
      return { stopReason: "cancelled" };
    case "die_after":
      await update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "Half of" } });
      await new Promise((resolve) => setTimeout(resolve, Number(argument)));
      process.kill(process.pid, "SIGKILL");
      return never();
    case "other_session": {
      const said = {
        sessionUpdate: "agent_message_chunk" as const,
        content: { type: "text" as const, text: argument },
      };
      await client.notify(methods.client.session.update, { sessionId: "of-somebody-else", update: said });
      await update(said);
      return END;
    }
    case "tale":
      return await tell(scene, Number(argument));
    case "stop":
      return { stopReason: argument as PromptResponse["stopReason"] };
    default:
      throw new Error(`no scene ${behaviour}`);
  }
}

/** Tells the tale of the question's mark, and waits at one of its pieces until it is told to go on. */
async function tell({ text, update, report, told }: Scene, heldAt: number): Promise<PromptResponse> {
  const mark = markIn(text);
  const pieces = piecesOf(mark);
  for (let n = 0; n <= pieces.length; n += 1) {
    if (n === heldAt) {
      report({ type: "answer", to: "held", answer: mark });
      await told("tale:-1");
    }
    const piece = pieces[n];
    if (piece !== undefined)
      await update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: piece } });
  }
  report({ type: "answer", to: "told", answer: mark });
  return END;
}

/** What the first tool server says to one call. */
async function callTools([server]: readonly McpServer[]): Promise<string> {
  if (server === undefined || !("url" in server)) return "no tools";
  const headers = server.headers.map(({ name, value }): [string, string] => [name, value]);
  const answer = await fetch(server.url, { method: "POST", headers, body: "{}" });
  return `${answer.status}: ${await answer.text()}`;
}

async function askPermission(
  { client, sessionId, update, report }: Scene,
  times: number,
  command: string,
): Promise<PromptResponse> {
  for (let time = 0; time < times; time += 1) {
    const toolCall = {
      toolCallId: `call-${Math.random()}`,
      title: "rm -rf build",
      kind: "execute" as const,
      rawInput: { command },
    };
    await update({ sessionUpdate: "tool_call", ...toolCall, status: "pending" });
    const answer: RequestPermissionResponse = await client.request("session/request_permission", {
      sessionId,
      toolCall,
      options: [
        { optionId: "yes-once", name: "Allow", kind: "allow_once" },
        { optionId: "yes-always", name: "Always allow", kind: "allow_always" },
        { optionId: "no-once", name: "Reject", kind: "reject_once" },
      ],
    });
    report({ type: "answer", to: "permission", answer });
    const { outcome } = answer;
    const chosen = outcome.outcome === "selected" ? outcome.optionId : "cancelled";
    await update({
      sessionUpdate: "tool_call_update",
      toolCallId: toolCall.toolCallId,
      status: chosen.startsWith("yes") ? "completed" : "failed",
    });
    await update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: `permission: ${chosen}.` } });
  }
  return END;
}

/** As fast as the reader reads; what was got rid of is reported. */
async function flood(
  { sessionId, report }: Scene,
  update: SessionUpdate | undefined,
  count: number,
): Promise<PromptResponse> {
  let unreported = 0;
  for (let index = 0; index < count; index += 1) {
    const one = update ?? { sessionUpdate: "tool_call", toolCallId: `call-${index}`, title: `tool ${index}` };
    const line = `${JSON.stringify({ jsonrpc: "2.0", method: "session/update", params: { sessionId, update: one } })}\n`;
    if (!process.stdout.write(line)) await once(process.stdout, "drain");
    unreported += line.length;
    if (unreported > 200_000) {
      report({ type: "sent", bytes: unreported });
      unreported = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return END;
}

/** The words of the last message of a prompt, without what stands around it. */
function messageOf(prompt: string): string {
  return (
    /<message-[0-9a-f]+ [^\n]*>\n([\s\S]*)\n<\/message-[0-9a-f]+>\s*$/
      .exec(prompt)?.[1]
      ?.split(/<message-[0-9a-f]+ [^\n]*>\n/)
      .at(-1) ?? prompt
  );
}

async function written(): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
}
