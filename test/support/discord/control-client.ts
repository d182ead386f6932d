import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Agent, request } from "undici";
import type { StandInOptions } from "./options.ts";
import type { DiscordStandIn } from "./stand-in.ts";

/** The same methods, over HTTP: everything returns a promise, and only JSON passes (no listeners, no Maps). */
type Remote<T> = {
  [K in keyof T as T[K] extends (...args: never[]) => unknown ? K : never]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** A stand-in in another process, with the groups of DiscordStandIn. */
export interface RemoteDiscord {
  readonly url: string;
  readonly apiUrl: string;
  readonly cdnUrl: string;
  readonly setup: Remote<DiscordStandIn["setup"]>;
  readonly people: Remote<DiscordStandIn["people"]>;
  readonly gestures: Remote<DiscordStandIn["gestures"]>;
  readonly load: Remote<DiscordStandIn["load"]>;
  readonly log: Remote<DiscordStandIn["log"]>;
  readonly requests: Remote<DiscordStandIn["requests"]>;
  readonly faults: Remote<DiscordStandIn["faults"]>;
  readonly gateway: Remote<DiscordStandIn["gateway"]>;
  readonly frames: Remote<DiscordStandIn["frames"]>;
  readonly conditions: Remote<DiscordStandIn["conditions"]>;
  /** Closes the connections of this client and, when it was spawned here, ends the process. */
  close(): Promise<void>;
}

/** Starts `main.ts` as a process of its own and resolves when it listens; it ends with `close()` or with this process. */
export async function spawnDiscordStandIn(
  options: StandInOptions = {},
): Promise<RemoteDiscord & { readonly pid: number }> {
  const child = spawn(process.execPath, [new URL("./main.ts", import.meta.url).pathname, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const url = await announcedUrl(child);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const client = clientOf(url, async () => {
    child.stdin.end();
    await exited;
  });
  return Object.assign(client, { pid: child.pid ?? -1 });
}

function clientOf(url: string, end: () => Promise<void>): RemoteDiscord {
  const agent = new Agent({ connections: 16 });
  const group = <T>(name: string): Remote<T> =>
    new Proxy(
      {},
      {
        get: (_target, method) =>
          typeof method === "string" && method !== "then"
            ? (...args: unknown[]): Promise<unknown> => call(agent, `${url}/_control/${name}.${method}`, args)
            : undefined,
      },
      // The proxy has every method by its very nature; the type says which exist on the other side.
    ) as Remote<T>;
  return {
    url,
    apiUrl: `${url}/api`,
    cdnUrl: `${url}/cdn`,
    setup: group("setup"),
    people: group("people"),
    gestures: group("gestures"),
    load: group("load"),
    log: group("log"),
    requests: group("requests"),
    faults: group("faults"),
    gateway: group("gateway"),
    frames: group("frames"),
    conditions: group("conditions"),
    close: async () => {
      await end();
      await agent.destroy();
    },
  };
}

async function call(agent: Agent, url: string, args: unknown[]): Promise<unknown> {
  const answer = await request(url, {
    method: "POST",
    dispatcher: agent,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(args),
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // The control route answers with one of these two fields.
  const { result, error } = (await answer.body.json()) as { result?: unknown; error?: string };
  if (error !== undefined) throw new Error(error);
  return result === null ? undefined : result;
}

function announcedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error("stdout is not piped");
    child.once("exit", (code) => reject(new Error(`the stand-in ended with ${code} before it listened`)));
    createInterface({ input: child.stdout }).once("line", (line) => {
      // main.ts writes this object as its first line.
      const { url } = JSON.parse(line) as { url: string };
      resolve(url);
    });
  });
}
