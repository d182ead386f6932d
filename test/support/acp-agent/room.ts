import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { MessagesAnswer, PostAnswer, RoomsAnswer, type WebPost } from "../../../adapters/web/protocol.ts";
import { callApi } from "../app/call-api.ts";
import { until } from "../conversation/until.ts";
import { freePort } from "../servers/index.ts";
import { WebClient } from "../web/web-client.ts";
import { AcpAgentControl } from "./control.ts";

const PARLEY = fileURLToPath(new URL("../../../src/cli/parley.ts", import.meta.url));
const AGENT = fileURLToPath(new URL("main.ts", import.meta.url));
const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";

/** A real Parley process with its web room and an agent `coder`, whose scripted ACP process may run under Parley or under `parley agent run`. */
export interface AcpRoom {
  readonly control: AcpAgentControl;
  /** Asks `@coder` in the room; the message's id. */
  ask(text: string): Promise<string>;
  /** What was said under a question, oldest first. */
  said(question: string): Promise<readonly WebPost[]>;
  /** The post under a question whose text fits, as soon as it is there. */
  shows(question: string, text: RegExp): Promise<WebPost>;
  /** The question to people under a question, as soon as it is there. */
  asked(question: string): Promise<WebPost>;
  decide(post: WebPost, label: string): Promise<void>;
  killParley(): Promise<void>;
  startParley(): Promise<void>;
  /** Starts `parley agent run`, and resolves when it is connected. */
  startRunner(): Promise<{ kill9(): Promise<void>; stop(): Promise<number>; readonly lines: readonly string[] }>;
  close(): Promise<void>;
}

/** `program` is another agent in place of the scripted one, which then has nothing to control. */
export async function openAcpRoom(where: "in_parley" | "at_a_runner", program?: string): Promise<AcpRoom> {
  const control = await AcpAgentControl.start();
  const folder = await mkdtemp(join(tmpdir(), "parley-acp-room-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const scripted = [AGENT, String(control.port), JSON.stringify({ loadSession: true }), join(folder, "sessions.json")];
  const words = program === undefined ? scripted : [program];
  const connector =
    where === "in_parley" ? { kind: "acp", command: process.execPath, args: words, cwd: folder } : { kind: "socket" };
  const config = { agents: [{ handle: "coder", name: "Coder", connector, replyInThread: true }] };
  await writeFile(join(folder, "parley.config.mjs"), `export default ${JSON.stringify(config)};\n`);
  const children = new Set<ChildProcess>();
  let parley: ChildProcess | undefined;
  let client: WebClient | undefined;
  let room = "";
  let token = "";

  function start(args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [PARLEY, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => lines.push(line));
    const ended = once(child, "exit").finally(() => children.delete(child));
    return { child, lines, ended };
  }

  async function startParley(): Promise<void> {
    const started = start(["start", "--json", "--port", String(port), "--config", join(folder, "parley.config.mjs")], {
      PARLEY_DATA: join(folder, "data"),
      PARLEY_LOG_LEVEL: "warn",
      PARLEY_TOKEN: OPERATOR,
    });
    parley = started.child;
    const line = await until("Parley listens", async () => {
      if (started.child.exitCode !== null) throw new Error(`Parley ended: ${started.lines.join("\n")}`);
      return started.lines.find((one) => one.includes('"url"'));
    });
    if (client !== undefined) return;
    client = new WebClient(url);
    await client.signIn((JSON.parse(line) as { signInLink: string }).signInLink); // what `start --json` writes
    const { rooms } = RoomsAnswer.parse(await client.ok("GET", "/rooms"));
    room = rooms.find((one) => one.kind === "public")?.id ?? "";
  }

  const page = (): WebClient => {
    if (client === undefined) throw new Error("nobody has signed in");
    return client;
  };
  const said: AcpRoom["said"] = async (question) => {
    const answer = await page().ok("GET", `/rooms/${room}/messages?limit=200&thread=${question}`);
    return MessagesAnswer.parse(answer).posts.filter((post) => post.author.kind !== "person");
  };
  const find = (what: string, question: string, fits: (post: WebPost) => boolean) =>
    until(what, async () => (await said(question).catch(() => [])).find(fits));

  await startParley();
  return {
    control,
    said,
    startParley,
    async ask(text) {
      const body = { clientMessageId: randomUUID(), text: `@coder ${text}`, uploadIds: [] };
      return PostAnswer.parse(await page().ok("POST", `/rooms/${room}/messages`, body)).post.id;
    },
    shows: (question, text) => find(`the room shows ${String(text)}`, question, (post) => text.test(post.text)),
    asked: (question) =>
      find("the room shows a question", question, (post) =>
        (post.parts ?? []).some((part) => part.type === "approval_request"),
      ),
    async decide(post, label) {
      const part = (post.parts ?? []).find((one) => one.type === "approval_request");
      const option = part?.options.find((one) => one.label === label);
      const body = { clientActionId: randomUUID(), actionId: part?.approvalId, value: option?.id };
      await page().ok("POST", `/messages/${post.id}/actions`, body);
    },
    async killParley() {
      if (parley === undefined) return;
      const ended = once(parley, "exit");
      parley.kill("SIGKILL");
      await ended;
    },
    async startRunner() {
      if (token === "") {
        const { body } = await callApi<{ secret: string }>(
          { url, token: OPERATOR },
          { method: "POST", path: "/api/agents/coder/token", body: undefined },
        );
        token = body.secret;
      }
      const args = ["agent", "run", "--url", url, "--cwd", folder, "--", process.execPath, ...words];
      const { child, lines, ended } = start(args, { PARLEY_TOKEN: token });
      await until("the runner is connected", async () => {
        if (child.exitCode !== null) throw new Error(`the runner ended: ${lines.join("\n")}`);
        return lines.find((line) => line.startsWith("Connected as @coder"));
      });
      const end = async (signal: NodeJS.Signals): Promise<number> => {
        child.kill(signal);
        const [code] = await ended;
        return Number(code);
      };
      return { lines, kill9: async () => void (await end("SIGKILL")), stop: () => end("SIGTERM") };
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      await control.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
