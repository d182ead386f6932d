import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "../web-api/arguments.ts";

/** Calls a function of the stand-in by its dotted name, `people.postAs`. */
export type ControlCall = (name: string, args: unknown[]) => unknown;

/** POST /_control/<name> with a JSON array of arguments: answers `{ result }`, or 400 with `{ error }`. */
export async function control(
  call: ControlCall,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let status = 200;
  let answer: unknown;
  try {
    const body = (await readBody(request)).toString("utf8");
    const args: unknown = body === "" ? [] : JSON.parse(body);
    if (!Array.isArray(args)) throw new Error("the body must be a JSON array of arguments");
    answer = { result: (await call(name, args)) ?? null };
  } catch (error) {
    status = 400;
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
}
