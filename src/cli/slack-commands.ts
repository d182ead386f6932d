import type { Command } from "commander";
import { z } from "zod";
import { loadConfig } from "../config/load-config.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { createOutput } from "./output.ts";

const ManifestScopes = z.object({ oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }) });

interface ManifestOptions {
  readonly url?: string;
  readonly socket?: boolean;
  readonly name?: string;
  readonly tokenRotation?: boolean;
}

/** `parley slack …` */
export function addSlackCommands(program: Command): void {
  const slack = program.command("slack").description("set Slack up");
  slack
    .command("manifest")
    .description('print the app manifest to paste at api.slack.com/apps ("From a manifest")')
    .option("--url <address>", "public https address of Parley; default PARLEY_PUBLIC_URL")
    .option("--socket", "for Socket Mode, which needs no public address")
    .option("--name <name>", "name of the app; default Parley")
    .option("--token-rotation", "bot tokens that expire and are refreshed by Parley; needs installs by OAuth")
    .option("--json", "the manifest is JSON in any case")
    .action(async (options: ManifestOptions) => {
      const config = await loadConfig({ create: false });
      const publicUrl = options.url ?? config.web.publicUrl;
      if (publicUrl !== undefined && !URL.canParse(publicUrl))
        throw new CommandFailure(EXIT.usage, `--url: ${publicUrl} is no address`);
      if (options.socket !== true && publicUrl === undefined) {
        throw new CommandFailure(EXIT.usage, "give the public address by --url, or choose Socket Mode by --socket");
      }
      if (options.tokenRotation === true && publicUrl === undefined) {
        throw new CommandFailure(
          EXIT.usage,
          "--token-rotation: give the public address by --url, to which OAuth leads back",
        );
      }
      const { slackManifest } = await import("../app.ts");
      const manifest = slackManifest({
        mode: options.socket === true ? "socket" : "http",
        command: config.slack?.command ?? "/parley",
        tokenRotation: options.tokenRotation === true,
        ...(publicUrl === undefined ? {} : { publicUrl }),
        ...(options.name === undefined ? {} : { name: options.name }),
      });
      createOutput(true).line(JSON.stringify(manifest, null, 2));
    });
}

/** The scopes that the manifest asks for. */
export async function requiredSlackScopes(): Promise<readonly string[]> {
  const { slackManifest } = await import("../app.ts");
  return ManifestScopes.parse(slackManifest({ mode: "socket" })).oauth_config.scopes.bot;
}
