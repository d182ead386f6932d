import type { Command } from "commander";
import { loadConfig } from "../config/load-config.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { createOutput } from "./output.ts";

interface RegistrationOptions {
  readonly json?: boolean;
  readonly url?: string;
}

/** `parley matrix …` */
export function addMatrixCommands(program: Command): void {
  const matrix = program.command("matrix").description("set Matrix up");
  matrix
    .command("registration")
    .description("print the registration file of the application service, for the homeserver's admin")
    .option("--url <address>", "address under which the homeserver reaches Parley; default PARLEY_PUBLIC_URL")
    .option("--json", "write JSON: the file and the two tokens")
    .action(async (options: RegistrationOptions) => {
      const config = await loadConfig({ create: false });
      const url = options.url ?? config.web.publicUrl;
      if (url === undefined || !URL.canParse(url))
        throw new CommandFailure(
          EXIT.usage,
          url === undefined
            ? "give Parley's address, as the homeserver reaches it, by --url"
            : `--url: ${url} is no address`,
        );
      const { matrixRegistration, newRegistrationToken } = await import("../app.ts");
      const service = config.matrix?.appService;
      const appServiceToken = service?.token?.reveal() ?? newRegistrationToken();
      const homeserverToken = service?.homeserverToken?.reveal() ?? newRegistrationToken();
      const registration = matrixRegistration({
        url,
        appServiceToken,
        homeserverToken,
        senderLocalpart: service?.senderLocalpart ?? "parley",
        puppetPrefix: service?.puppetPrefix ?? "parley_",
      });
      const areNew = service?.token === undefined;
      const output = createOutput(options.json === true);
      output.result({ registration, appServiceToken, homeserverToken, areNew }, () => {
        if (areNew) {
          output.line("# New tokens; give them to Parley, too:");
          output.line(`# MATRIX_AS_TOKEN=${appServiceToken}`);
          output.line(`# MATRIX_HS_TOKEN=${homeserverToken}`);
        }
        output.line(registration.trimEnd());
      });
    });
  matrix
    .command("recovery-key")
    .description("make the recovery key of a bot account that has none yet, for encrypted rooms")
    .option("--json", "write JSON")
    .action(async (options: { readonly json?: boolean }) => {
      const { createMatrixRecoveryKey } = await import("../app.ts");
      const recoveryKey = await createMatrixRecoveryKey();
      const output = createOutput(options.json === true);
      output.result({ recoveryKey }, () => output.line(recoveryKey));
    });
}
