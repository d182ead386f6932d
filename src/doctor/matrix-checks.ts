import { z } from "zod";
import type { MatrixConfig } from "../config/config.ts";
import type { Secret } from "../config/secret.ts";
import { type Finding, failed, ok, reasonOf, skipped, warning } from "./finding.ts";

const TIMEOUT_MS = 10_000;
const Versions = z.looseObject({ versions: z.array(z.string()) });
const WhoAmI = z.looseObject({
  user_id: z.string().optional(),
  device_id: z.string().optional(),
  errcode: z.string().optional(),
});
const Ping = z.looseObject({ errcode: z.string().optional(), error: z.string().optional() });

/** The homeserver, whose tokens they are, and whether it reaches Parley's application service. */
export async function checkMatrix(matrix: MatrixConfig | undefined, parleyRuns: boolean): Promise<Finding[]> {
  if (matrix === undefined)
    return [
      skipped(
        "matrix",
        "not set up",
        "set MATRIX_HOMESERVER_URL and MATRIX_ACCESS_TOKEN, or see: parley matrix registration",
      ),
    ];
  let versions: readonly string[];
  try {
    const { body } = await call(matrix, "/_matrix/client/versions", undefined);
    versions = Versions.parse(body).versions;
  } catch (error) {
    const problem = `${matrix.homeserverUrl} is no homeserver that can be reached: ${reasonOf(error)}`;
    return [failed("matrix", problem, "check the network, a proxy, and MATRIX_HOMESERVER_URL")];
  }
  const findings = [
    ok("matrix", `homeserver at ${matrix.homeserverUrl}, Matrix ${versions.at(-1) ?? "of unknown version"}`),
  ];
  if (matrix.accessToken !== undefined) findings.push(await checkBot(matrix, matrix.accessToken));
  const { token } = matrix.appService;
  if (token !== undefined) findings.push(...(await checkService(matrix, token, parleyRuns)));
  return findings;
}

async function checkBot(matrix: MatrixConfig, token: Secret): Promise<Finding> {
  const part = "matrix bot";
  try {
    const who = WhoAmI.parse((await call(matrix, "/_matrix/client/v3/account/whoami", token)).body);
    if (who.user_id === undefined)
      return failed(
        part,
        `the access token is refused: ${who.errcode ?? "no reason given"}`,
        "log the bot account in again and set MATRIX_ACCESS_TOKEN",
      );
    if (matrix.encryption.recoveryKey !== undefined && who.device_id === undefined)
      return failed(part, "the token belongs to no device", "log the account in and take the token of that login");
    const rooms =
      matrix.encryption.recoveryKey === undefined ? "encrypted rooms are left alone" : "encrypted rooms too";
    return ok(part, `${who.user_id}, ${rooms}`);
  } catch (error) {
    return failed(part, `the token cannot be checked: ${reasonOf(error)}`, "try again; look at the homeserver's log");
  }
}

async function checkService(matrix: MatrixConfig, token: Secret, parleyRuns: boolean): Promise<Finding[]> {
  const part = "matrix service";
  try {
    const who = WhoAmI.parse((await call(matrix, "/_matrix/client/v3/account/whoami", token)).body);
    const { senderLocalpart } = matrix.appService;
    if (who.user_id === undefined)
      return [
        failed(
          part,
          `the homeserver does not know the application service: ${who.errcode ?? "no reason given"}`,
          "install the file of: parley matrix registration, and restart the homeserver",
        ),
      ];
    if (!who.user_id.startsWith(`@${senderLocalpart}:`))
      return [
        failed(
          part,
          `the registration's sender is ${who.user_id}`,
          `make sender_localpart and matrix.appService.senderLocalpart (${senderLocalpart}) the same`,
        ),
      ];
    const known = ok(part, `registered as ${who.user_id}`);
    return parleyRuns ? [known, await checkPing(matrix, token)] : [known];
  } catch (error) {
    return [failed(part, `it cannot be checked: ${reasonOf(error)}`, "try again; look at the homeserver's log")];
  }
}

/** Asks the homeserver to call Parley back. https://spec.matrix.org/v1.19/application-service-api/#pinging */
async function checkPing(matrix: MatrixConfig, token: Secret): Promise<Finding> {
  const part = "matrix push";
  const { status, body } = await call(matrix, "/_matrix/client/v1/appservice/parley/ping", token, {});
  if (status === 200) return ok(part, "the homeserver reaches Parley");
  const answer = Ping.parse(body);
  if (answer.errcode === "M_UNRECOGNIZED" || answer.errcode === "M_FORBIDDEN")
    return skipped(part, "the homeserver cannot be asked to call back", "nothing to do");
  return warning(
    part,
    `the homeserver cannot reach Parley: ${answer.errcode ?? `HTTP ${status}`}`,
    "check the url in the registration file, and the network from the homeserver to Parley",
  );
}

async function call(
  matrix: MatrixConfig,
  path: string,
  token: Secret | undefined,
  post?: object,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(new URL(path, matrix.homeserverUrl), {
    method: post === undefined ? "GET" : "POST",
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
      ...(post === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(post === undefined ? {} : { body: JSON.stringify(post) }),
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { status: response.status, body: await response.json() };
}
