import type { ChatAdapter } from "../../src/contracts/adapter.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { MatrixAdapter } from "./adapter.ts";
import type { PictureHttp } from "./avatar.ts";
import { type MatrixAdapterConfig, MatrixConfig } from "./config.ts";
import type { OpenCrypto } from "./crypto-port.ts";

export type { MatrixAdapterConfig } from "./config.ts";

/** Loaded when an account first needs it: the crypto module is large, and most accounts have no use for it. */
const openCrypto: OpenCrypto = async (options) => (await import("./crypto/client-device.ts")).openCryptoDevice(options);

/** Makes the recovery key of a bot account that has none yet. */
export async function createMatrixRecoveryKey(): Promise<string> {
  return (await import("./crypto/client-recovery-key.ts")).createRecoveryKey();
}

/**
 * Creates the Matrix adapter; does no I/O. Agents' pictures are fetched by `http`, which decides what may be called; without it there are none.
 *
 * Throws CONFIG_INVALID with every fault, among them half a set of credentials.
 */
export function createMatrixAdapter(config: MatrixAdapterConfig, http?: PictureHttp): ChatAdapter {
  const parsed = MatrixConfig.safeParse(config);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `matrix.${issue.path.join(".")}: ${issue.message}`);
    throw new ParleyError("CONFIG_INVALID", { detail: faults.join("; ") });
  }
  const missing = missingCredentials(parsed.data);
  if (missing.length > 0) throw new ParleyError("CONFIG_INVALID", { detail: missing.join("; ") });
  return new MatrixAdapter(parsed.data, openCrypto, http);
}

function missingCredentials(config: MatrixConfig): string[] {
  const faults: string[] = [];
  const { accessToken, appServiceToken, homeserverToken } = config;
  if (accessToken === undefined && appServiceToken === undefined)
    faults.push(
      "matrix.accessToken: either a bot's access token (MATRIX_ACCESS_TOKEN) or the tokens of an application service are needed",
    );
  if ((appServiceToken === undefined) !== (homeserverToken === undefined))
    faults.push("matrix.appServiceToken: an application service needs both tokens of its registration");
  if (config.encryption && accessToken === undefined)
    faults.push("matrix.encryption: only a bot account can take part in encrypted rooms");
  if (config.encryption && config.recoveryKey === undefined)
    faults.push(
      'matrix.encryption.recoveryKey: encrypted rooms need the account\'s recovery key (MATRIX_RECOVERY_KEY); "parley matrix recovery-key" makes one for an account that has none',
    );
  return faults;
}
