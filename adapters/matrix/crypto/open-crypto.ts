import type { OpenCrypto } from "../crypto-port.ts";

/** Opens an account's device for encrypted rooms; loads the crypto module (8.6 MB of wasm) only when one needs it. */
export const openCrypto: OpenCrypto = async (options) => {
  const { openCryptoDevice } = await import("./client-device.ts");
  return openCryptoDevice(options);
};
