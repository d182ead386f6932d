import { createHmac, randomUUID } from "node:crypto";
import { MatrixApi } from "./matrix-api.ts";

/** What a new account is to be like. */
export interface NewAccount {
  /** Before the colon of the user id; default a unique one. Lower case. */
  readonly localpart?: string;
  /** Default: none, so that the platform shows the localpart. */
  readonly displayName?: string;
  readonly admin?: boolean;
  /** Default a unique one. */
  readonly deviceId?: string;
}

/** An account with one device that is logged in. */
export interface MatrixAccount {
  readonly userId: string;
  readonly password: string;
  readonly accessToken: string;
  readonly deviceId: string;
}

/** Makes an account by the homeserver's registration secret, which no rate limit and no captcha hinders. */
export async function registerAccount(url: string, secret: string, wanted: NewAccount = {}): Promise<MatrixAccount> {
  const api = new MatrixApi(url);
  const username = wanted.localpart ?? `user-${randomUUID().slice(0, 8)}`;
  const password = `pw-${randomUUID()}`;
  const path = "/_synapse/admin/v1/register";
  const { nonce } = await api.call<{ nonce: string }>("GET", path);
  const parts = [nonce, username, password, wanted.admin === true ? "admin" : "notadmin"];
  const mac = createHmac("sha1", secret).update(parts.join("\0")).digest("hex");
  const { displayName = username } = wanted;
  await api.call("POST", path, {
    body: {
      nonce,
      username,
      displayname: displayName,
      password,
      admin: wanted.admin === true,
      mac,
      inhibit_login: true,
    },
  });
  return { ...(await logIn(url, username, password, wanted.deviceId)), password };
}

/** Logs an account in on a device, by default a new one. */
export async function logIn(
  url: string,
  user: string,
  password: string,
  deviceId: string = `DEV${randomUUID().slice(0, 8).toUpperCase()}`,
): Promise<Omit<MatrixAccount, "password">> {
  const body = {
    type: "m.login.password",
    identifier: { type: "m.id.user", user },
    password,
    device_id: deviceId,
  };
  const answer = await new MatrixApi(url).call<{ user_id: string; access_token: string }>(
    "POST",
    "/_matrix/client/v3/login",
    { body },
  );
  return { userId: answer.user_id, accessToken: answer.access_token, deviceId };
}
