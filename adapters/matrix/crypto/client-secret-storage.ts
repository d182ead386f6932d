import type { CryptoCallbacks } from "matrix-js-sdk/lib/crypto-api/index.js";
import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import { MatrixError } from "matrix-js-sdk/lib/http-api/errors.js";
import { Method } from "matrix-js-sdk/lib/http-api/method.js";
import { TypedEventEmitter } from "matrix-js-sdk/lib/models/typed-event-emitter.js";
import {
  type AccountDataClient,
  SECRET_STORAGE_ALGORITHM_V1_AES,
  type ServerSideSecretStorage,
  ServerSideSecretStorageImpl,
} from "matrix-js-sdk/lib/secret-storage.js";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { SdkHttp } from "./client-homeserver.ts";

/** The account's secrets on the homeserver, and the key that opens them. */
export interface SecretStorage {
  readonly storage: ServerSideSecretStorage;
  readonly callbacks: CryptoCallbacks;
  readonly privateKey: Uint8Array<ArrayBuffer>;
}

/** Reads and writes account data at the homeserver at once: no sync echo is waited for, because no sync of the SDK runs. */
class AccountData extends TypedEventEmitter<never, never> {
  readonly #http: SdkHttp;
  readonly #path: string;

  constructor(http: SdkHttp, userId: string) {
    super();
    this.#http = http;
    this.#path = `/user/${encodeURIComponent(userId)}/account_data/`;
  }

  async read(type: string): Promise<object | null> {
    try {
      const content = await this.#http.authedRequest<unknown>(Method.Get, this.#path + encodeURIComponent(type));
      return typeof content === "object" && content !== null ? content : null;
    } catch (error) {
      if (error instanceof MatrixError && error.errcode === "M_NOT_FOUND") return null;
      throw error;
    }
  }

  async write(type: string, content: object): Promise<object> {
    return this.#http.authedRequest<object>(Method.Put, this.#path + encodeURIComponent(type), undefined, {
      ...content,
    });
  }
}

/** Errors: CONFIG_INVALID when the text is no recovery key. */
export function secretStorage(http: SdkHttp, userId: string, recoveryKey: string): SecretStorage {
  const privateKey = decodedKey(recoveryKey);
  const data = new AccountData(http, userId);
  const client = Object.assign(data, {
    getAccountDataFromServer: (type: string) => data.read(type),
    setAccountData: (type: string, content: object) => data.write(type, content),
  }) as unknown as AccountDataClient; // its types tell what each kind of account data holds; here it is what the homeserver says
  const callbacks: CryptoCallbacks = {
    getSecretStorageKey: async ({ keys }) => {
      for (const [id, info] of Object.entries(keys))
        if (info.algorithm === SECRET_STORAGE_ALGORITHM_V1_AES && (await storage.checkKey(privateKey, info)))
          return [id, privateKey];
      return null;
    },
  };
  const storage = new ServerSideSecretStorageImpl(client, callbacks);
  return { storage, callbacks, privateKey };
}

function decodedKey(recoveryKey: string): Uint8Array<ArrayBuffer> {
  try {
    return decodeRecoveryKey(recoveryKey.replaceAll(/\s+/gu, " ").trim());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "unreadable";
    throw new ParleyError("CONFIG_INVALID", {
      detail: `matrix.encryption.recoveryKey is no Matrix recovery key (${reason}); make one by "parley matrix recovery-key"`,
      cause,
    });
  }
}
