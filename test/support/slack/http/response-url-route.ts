import type { IncomingMessage, ServerResponse } from "node:http";
import type { Core, ResponseTarget } from "../core.ts";
import { addMessage, changeMessage, removeMessage } from "../effects/messages.ts";
import type { Provenance } from "../effects/provenance.ts";
import type { Wire } from "../model/records.ts";
import { ApiError } from "../web-api/api-error.ts";
import { Arguments, parseArguments, readBody } from "../web-api/arguments.ts";
import { checkBlocks } from "../web-api/block-limits.ts";

/** POST to a response_url: answers a command or a click without a token, up to five times. */
export async function receiveResponse(
  core: Core,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  let status = 200;
  let answer: Wire = { ok: true };
  try {
    const args = new Arguments(parseArguments(request.headers["content-type"] ?? "", body, ""));
    const target = core.responseUrls.get(path);
    if (target === undefined) throw new ApiError("expired_url");
    if (target.usesLeft === 0) throw new ApiError("used_url");
    target.usesLeft -= 1;
    apply(core, target, args);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    status = 404;
    answer = { ok: false, error: error.code };
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

function apply(core: Core, target: ResponseTarget, args: Arguments): void {
  const channel = core.channel(target.channel);
  const installation = core.installationIn(target.teamId, target.appId);
  const provenance: Provenance = {
    by: "app",
    actor: installation.botUserId,
    appId: target.appId,
    method: "response_url",
  };
  const author = {
    userId: installation.botUserId,
    botId: installation.botId,
    appId: target.appId,
    profile: installation.profile,
  };
  const text = args.text("text") ?? "";
  const given = args.list("blocks", "invalid_blocks_format");
  const blocks = given === undefined ? undefined : checkBlocks(given, "message", core.options.maxTotalBlockChars);
  const original = target.messageTs === undefined ? undefined : channel.byTs.get(target.messageTs);
  core.log.append({
    kind: "response_url",
    team: target.teamId,
    channel: target.channel,
    text,
    ...provenance,
    detail: {
      responseType: args.text("response_type") ?? "ephemeral",
      replaces: args.flag("replace_original") ?? false,
      user: target.userId,
    },
  });
  if (original !== undefined && args.flag("delete_original") === true)
    removeMessage(core, channel, original, provenance);
  else if (original !== undefined && args.flag("replace_original") === true) {
    changeMessage(core, channel, original, { text, blocks: blocks ?? null, edited: false }, provenance);
  } else if (args.text("response_type") === "in_channel") {
    addMessage(core, channel, { author, text, ...(blocks === undefined ? {} : { blocks }) }, provenance);
  }
}
