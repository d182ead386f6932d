import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RoomsAnswer } from "../../adapters/web/protocol.ts";
import { percentile } from "../bench/statistics.ts";
import { type ModelMove, ModelServer } from "../support/models/model-server.ts";
import { createRunFolder, startParley } from "../support/parley/index.ts";
import { startPostgres } from "../support/servers/index.ts";
import { type LiveSocket, WebClient } from "../support/web/web-client.ts";
import type { Measurement, MeasureOptions, MeasureResult } from "./measurement.ts";

const TRIALS = 200;
/** Questions whose measures do not count: what is compiled and planned once is not what people wait for. */
const WARM_UP = 10;
const AIM_P50_MS = 150;
/** How long a model thinks before its first token, and between two, in ms. */
const THINK_MS = 60;
const BETWEEN_TOKENS_MS = 25;
const TOKENS = 8;
const PATIENCE_MS = 20_000;

/** When the first token of each question left the endpoint, and when a page's socket brought it. */
interface Trial {
  readonly marker: string;
  sentAtMs: number;
}

/** A model whose first token is a word of the question, so that its way can be followed. */
function streamingModel(
  trials: Map<string, Trial>,
): (call: { rawBody: string }) => { kind: "answer"; moves: ModelMove[] } {
  return (call) => {
    const marker = [...call.rawBody.matchAll(/trial-\d+-token/g)].at(-1)?.[0] ?? "";
    const trial = trials.get(marker);
    const stamp = async (): Promise<void> => {
      await pause(THINK_MS);
      if (trial !== undefined) trial.sentAtMs = performance.now();
    };
    const rest = Array.from({ length: TOKENS }, (_, index): ModelMove[] => [
      { wait: () => pause(BETWEEN_TOKENS_MS) },
      { text: ` word${index}` },
    ]);
    return { kind: "answer", moves: [{ wait: stamp }, { text: `${marker} ` }, ...rest.flat()] };
  };
}

async function signIn(url: string, dataFolder: string): Promise<{ client: WebClient; room: string }> {
  const { token } = JSON.parse(await readFile(join(dataFolder, "operator.json"), "utf8")) as { token: string }; // written by Parley
  const answer = await fetch(`${url}/api/sign-in-links`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  const client = new WebClient(url);
  await client.signIn(((await answer.json()) as { link: string }).link); // as the route's schema says
  const { rooms } = RoomsAnswer.parse(await client.ok("GET", "/rooms"));
  const room = rooms.find(({ kind }) => kind === "public")?.id;
  if (room === undefined) throw new Error("there is no public room");
  return { client, room };
}

/** Resolves with the moment at which the socket brings an agent's words with these in them: growing, or in the final form alone. */
function seen(socket: LiveSocket, words: readonly string[], form: "any" | "final"): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.raw.off("message", look);
      reject(new Error(`${words.join(" and ")} did not come within ${PATIENCE_MS} ms`));
    }, PATIENCE_MS);
    const look = (data: Buffer): void => {
      const atMs = performance.now();
      const text = data.toString("utf8");
      if (!words.every((word) => text.includes(word))) return;
      const frame = JSON.parse(text) as { type: string; post?: { author: { kind: string } } }; // every frame was checked against the protocol before
      const isPost = frame.type === "post" && frame.post?.author.kind === "agent";
      if (!isPost && (form === "final" || frame.type !== "preview")) return;
      clearTimeout(timer);
      socket.raw.off("message", look);
      resolve(atMs);
    };
    socket.raw.on("message", look);
  });
}

/** Posts as often as the room lets one person. */
async function say(client: WebClient, room: string, text: string): Promise<void> {
  const body = { clientMessageId: randomUUID(), text, uploadIds: [] };
  for (;;) {
    const answer = await client.request("POST", `/rooms/${room}/messages`, body);
    if (answer.status < 300) return;
    if (answer.status !== 429) throw new Error(`the question was refused: ${answer.status}`);
    await pause(500);
  }
}

async function run({ count = TRIALS, store }: MeasureOptions): Promise<MeasureResult> {
  const trials = new Map<string, Trial>();
  const model = await ModelServer.start(streamingModel(trials));
  const postgres = store === "postgres" ? await startPostgres({ fsync: true }) : undefined;
  const folder = await createRunFolder({
    agents: [
      {
        handle: "streamer",
        name: "Streamer",
        connector: { kind: "model", provider: "openai-compatible", baseUrl: model.baseUrl, model: "test-model" },
        replyInThread: false,
      },
    ],
  });
  const parley = await startParley({
    folder,
    databaseUrl: postgres?.url,
    env: { PARLEY_DATA: folder.dataFolder },
  });
  try {
    const { client, room } = await signIn(parley.url, folder.dataFolder);
    const socket = await client.socket();
    const waitsMs: number[] = [];
    const failures: string[] = [];
    for (let number = 0; number < count + WARM_UP; number += 1) {
      const marker = `trial-${number}-token`;
      const trial: Trial = { marker, sentAtMs: Number.NaN };
      trials.set(marker, trial);
      const shown = seen(socket, [marker], "any");
      // Trials do not meet: the next begins when this answer stands.
      const ended = seen(socket, [marker, `word${TOKENS - 1}`], "final");
      for (const one of [shown, ended]) one.catch(() => undefined);
      await say(client, room, `@streamer say ${marker}`);
      try {
        const atMs = await shown;
        if (number >= WARM_UP) waitsMs.push(atMs - trial.sentAtMs);
        await ended;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    socket.close();
    const rounded = (percent: number): number => Math.round(percentile(waitsMs, percent) * 10) / 10;
    const p50 = rounded(50);
    if (!(p50 < AIM_P50_MS)) failures.push(`p50 is ${p50} ms, the aim is less than ${AIM_P50_MS} ms`);
    return {
      passed: failures.length === 0,
      figures: { trials: waitsMs.length, "p50 ms": p50, "p95 ms": rounded(95), "max ms": rounded(100) },
      failures,
    };
  } finally {
    await parley.stop();
    await Promise.all([folder.remove(), model.stop(), postgres?.stop()]);
  }
}

/** From the first token that leaves a model's endpoint to the frame that shows it on a signed-in page. */
export const firstToken: Measurement = {
  name: "first-token",
  describes: "first token of a model to the preview on a page of the web room; the median must be under 150 ms",
  run,
};
