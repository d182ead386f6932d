import type { OpenView } from "../core.ts";
import { byApp } from "../effects/provenance.ts";
import type { Wire } from "../model/records.ts";
import { ApiError, invalidArguments } from "./api-error.ts";
import { checkBlocks } from "./block-limits.ts";
import type { BotCall, Handler } from "./call.ts";

/** Modals: opened with a fresh trigger_id, changed by id. */
export const viewMethods: Record<string, Handler> = {
  "views.open": { auth: "bot", scopes: [], run: open },
  "views.push": { auth: "bot", scopes: [], run: open },
  "views.update": { auth: "bot", scopes: [], run: update },
};

function open(call: BotCall): Wire {
  const { core, args } = call;
  const redeemed = core.triggers.redeem(args.needText("trigger_id"));
  if ("refused" in redeemed) {
    const codes = { unknown: "invalid_trigger_id", used: "exchanged_trigger_id", expired: "expired_trigger_id" };
    throw new ApiError(codes[redeemed.refused]);
  }
  if (redeemed.value.appId !== call.app.id || redeemed.value.teamId !== call.team.id)
    throw new ApiError("invalid_trigger_id");
  const opened: OpenView = {
    id: core.world.newId("V"),
    appId: call.app.id,
    teamId: call.team.id,
    userId: redeemed.value.userId,
    hash: newHash(call),
    view: checkedView(call),
    closed: false,
  };
  core.views.set(opened.id, opened);
  logView(call, opened, "open");
  return { view: viewWire(opened) };
}

function update(call: BotCall): Wire {
  const { core, args } = call;
  const id = args.text("view_id");
  const externalId = args.text("external_id");
  const found = [...core.views.values()].find(
    (one) =>
      one.appId === call.app.id &&
      (one.id === id || (externalId !== undefined && one.view["external_id"] === externalId)),
  );
  if (found === undefined || found.closed) throw new ApiError("not_found");
  const hash = args.text("hash");
  if (hash !== undefined && hash !== found.hash) throw new ApiError("hash_conflict");
  found.view = checkedView(call);
  found.hash = newHash(call);
  logView(call, found, "update");
  return { view: viewWire(found) };
}

/** A view object as Slack sends it: what the app gave, with ids, hash and state. */
export function viewWire(opened: OpenView, state: Wire = { values: {} }): Wire {
  return {
    id: opened.id,
    team_id: opened.teamId,
    private_metadata: "",
    callback_id: "",
    clear_on_close: false,
    notify_on_close: false,
    close: null,
    submit: null,
    previous_view_id: null,
    root_view_id: opened.id,
    app_id: opened.appId,
    app_installed_team_id: opened.teamId,
    external_id: "",
    ...opened.view,
    state,
    hash: opened.hash,
  };
}

function checkedView(call: BotCall): Wire {
  const value = call.args.json("view");
  if (typeof value !== "object" || value === null) throw invalidArguments("missing required field: view");
  const view = value as Wire; // parsed JSON
  if (view["type"] !== "modal") throw invalidArguments("invalid view type");
  checkBlocks(view["blocks"], "view", 100_000);
  for (const field of ["title", "submit", "close"]) {
    const text = view[field];
    if (text === undefined && field !== "title") continue;
    const words = typeof text === "object" && text !== null && "text" in text ? text.text : undefined;
    if (typeof words !== "string" || words.length === 0 || words.length > 24) {
      throw invalidArguments(`must be less than 25 characters [json-pointer:/view/${field}/text]`);
    }
  }
  const { private_metadata: metadata } = view;
  if (typeof metadata === "string" && metadata.length > 3000)
    throw invalidArguments("private_metadata must be less than 3001 characters");
  return view;
}

function newHash(call: BotCall): string {
  return `${Math.floor(call.core.nowMs() / 1000)}.${call.core.world.newId("h")}`;
}

function logView(call: BotCall, opened: OpenView, what: string): void {
  call.core.log.append({
    kind: "view",
    team: call.team.id,
    ...byApp(call),
    detail: { what, viewId: opened.id, user: opened.userId, view: opened.view },
  });
}
