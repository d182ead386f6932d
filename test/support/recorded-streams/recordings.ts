import { readFile } from "node:fs/promises";

/** Where a model's recorded answer is kept; `README.md` says who sent it. */
export const recordedModel = (name: string): URL => new URL(`./models/${name}.sse`, import.meta.url);

/** The events of a recorded AG-UI run, one line of JSON each, as they were kept. */
export async function recordedRun(name: string): Promise<readonly string[]> {
  return (await readFile(new URL(`./agui/${name}.jsonl`, import.meta.url), "utf8")).trimEnd().split("\n");
}

/** What a recorded A2A server answered, to a request with this id. */
export async function recordedAnswer(file: string, id: unknown): Promise<Buffer> {
  const recorded = await readFile(new URL(`./a2a/${file}`, import.meta.url), "utf8");
  return Buffer.from(recorded.replaceAll(/"id":\d+,"jsonrpc"/gu, `"id":${JSON.stringify(id)},"jsonrpc"`));
}
