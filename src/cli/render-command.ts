import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { RenderedPost, RenderLoss } from "../contracts/adapter.ts";
import { Reply } from "../envelope/reply.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { createOutput, type Output, paint, plain } from "./output.ts";

interface RenderOptions {
  readonly platform: string;
  readonly linkHost?: readonly string[];
  readonly json?: boolean;
}

/** What is longer than this in a post is files and attachments, which say nothing on a terminal. */
const MAX_SHOWN_BASE64_CHARS = 60;

/** `parley render` */
export function addRenderCommand(program: Command): void {
  program
    .command("render <reply>")
    .description(
      "show what a platform makes of a reply (a JSON file, or - for standard input) and what it cannot show as it is; asks nobody and writes nothing",
    )
    .requiredOption("--platform <name>", "slack, discord, matrix or web")
    .option(
      "--link-host <host>",
      "host whose links stay links: exact, *.example.org or *; may be given again; default none",
      (host: string, before: readonly string[] | undefined) => [...(before ?? []), host],
    )
    .option("--json", "write JSON: posts in the platform's own form, and losses by the index of their part")
    .action(async (file: string, options: RenderOptions) => {
      const { rendererOf, RENDERED_PLATFORMS } = await import("../app-platforms.ts");
      const renderer = rendererOf(options.platform, options.linkHost ?? []);
      if (renderer === undefined) {
        const known = RENDERED_PLATFORMS.join(", ");
        throw new CommandFailure(EXIT.usage, `--platform: ${plain(options.platform)} is none of ${known}`);
      }
      const { parts } = await readReply(file);
      const context = sampleContext(renderer.platform);
      const posts = renderer.render(parts, context);
      const losses = renderer.losses(parts, context);
      const output = createOutput(options.json === true);
      output.result({ platform: renderer.platform, posts, losses }, () =>
        show(renderer.platform, posts, losses, output),
      );
    });
}

async function readReply(file: string): Promise<Reply> {
  const where = file === "-" ? "standard input" : file;
  const read = Reply.safeParse(parseJson(await contentOf(file, where), where));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new CommandFailure(EXIT.usage, `${where} is no reply: ${plain(`${path}${issue?.message ?? "not valid"}`)}`);
}

async function contentOf(file: string, where: string): Promise<string> {
  if (file === "-") {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString("utf8");
  }
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new CommandFailure(EXIT.usage, `${where} cannot be read: ${reason}`);
  }
}

function parseJson(content: string, where: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new CommandFailure(EXIT.usage, `${where} is not valid JSON`);
  }
}

/** A public channel and an agent like any other: nothing of a rendering depends on more than their kinds. */
function sampleContext(platform: string) {
  return {
    identity: { agentId: "agent", handle: "agent", name: "Agent", color: "#4a6fa5" },
    conversation: {
      space: { id: `${platform}-space` },
      channel: { id: `${platform}-channel`, kind: "public" as const, external: false },
    },
    mentionable: [],
  };
}

function show(platform: string, posts: readonly RenderedPost[], losses: readonly RenderLoss[], output: Output): void {
  if (posts.length === 0) output.line("Nothing is shown: the reply has no part with words.");
  posts.forEach((post, index) => {
    output.line(paint("bold", `Post ${index + 1} of ${posts.length}`));
    output.line(plainLines(JSON.stringify(post.body, shortened, 2)));
    output.line();
  });
  if (losses.length === 0) {
    output.line(`${platform} shows everything as it is.`);
    return;
  }
  output.line(paint("bold", `What ${platform} shows in another form`));
  output.table(
    ["PART", "WHAT", "SHOWN AS"],
    losses.map((loss) => [String(loss.part), plain(loss.what), plain(loss.shownAs)]),
  );
}

function shortened(key: string, value: unknown): unknown {
  if (key !== "base64" || typeof value !== "string" || value.length <= MAX_SHOWN_BASE64_CHARS) return value;
  return `(${Buffer.byteLength(value, "base64")} bytes)`;
}

function plainLines(text: string): string {
  return text.split("\n").map(plain).join("\n");
}
