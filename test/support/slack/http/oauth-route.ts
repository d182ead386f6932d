import type { ServerResponse } from "node:http";
import type { Core } from "../core.ts";

/** How the person at the consent page decides. */
export interface Consent {
  /** The workspace they are signed in to. Default: the first. */
  teamId?: string;
  userId?: string;
  /** They press Cancel. */
  denies?: boolean;
}

/** GET /oauth/v2/authorize: the consent page, decided at once; sends the browser back with a code or with access_denied. */
export function authorize(core: Core, consent: Consent, query: URLSearchParams, response: ServerResponse): void {
  const app = [...core.world.apps.values()].find((one) => one.clientId === query.get("client_id"));
  const redirectUri = query.get("redirect_uri") ?? "";
  const teamId = consent.teamId ?? query.get("team") ?? core.world.teams.keys().next().value;
  if (app === undefined || teamId === undefined || !URL.canParse(redirectUri)) {
    response
      .writeHead(400, { "content-type": "text/plain" })
      .end(app === undefined ? "invalid_client_id" : "bad_redirect_uri");
    return;
  }
  const back = new URL(redirectUri);
  const state = query.get("state");
  if (consent.denies === true) back.searchParams.set("error", "access_denied");
  else {
    const code = core.world.newSecret("code.");
    const asked = (query.get("scope") ?? "").split(/[ ,]+/).filter((scope) => scope !== "");
    const scopes = asked.length > 0 ? asked : app.scopes;
    core.oauthCodes.set(code, { appId: app.id, teamId, userId: consent.userId ?? "USLACKADMIN", scopes, redirectUri });
    back.searchParams.set("code", code);
  }
  if (state !== null) back.searchParams.set("state", state);
  response.writeHead(302, { location: back.href }).end();
}
