import { isWire } from "../model/markup.ts";
import type { Wire } from "../model/records.ts";
import { invalidForm, missing, refused } from "./api-error.ts";
import { Answer, asBot, type BotCall, type Handler, NO_CONTENT, param } from "./call.ts";

const CHAT_INPUT = 1;
const GLOBAL = "global";
const MAX_COMMANDS = 100;

const places = [
  { path: "/applications/:application/commands", place: (): string => GLOBAL },
  { path: "/applications/:application/guilds/:guild/commands", place: (call: BotCall): string => param(call, "guild") },
];

/** The commands of an application, everywhere or in one guild. */
export const commandRoutes: Readonly<Record<string, Handler>> = Object.fromEntries(
  places.flatMap(({ path, place }): [string, Handler][] => [
    [`GET ${path}`, asBot((call) => own(call).commands.get(place(call)) ?? [])],
    [
      `PUT ${path}`,
      asBot((call) => {
        const { commands } = own(call);
        if (!Array.isArray(call.json)) throw invalidForm(["_", "LIST_TYPE_CONVERT", "Only iterables may be used."]);
        if (call.json.length > MAX_COMMANDS)
          throw invalidForm(["_", "APPLICATION_COMMANDS_MAX_ENTRIES", "Maximum number of commands reached (100)."]);
        const before = commands.get(place(call)) ?? [];
        const after = call.json.filter(isWire).map((given, index) => {
          const known = before.find((one) => one["name"] === given["name"]);
          return stored(call, given, place(call), String(index), known?.["id"]);
        });
        commands.set(place(call), after);
        return after;
      }),
    ],
    [
      `POST ${path}`,
      asBot((call) => {
        const { commands } = own(call);
        const before = commands.get(place(call)) ?? [];
        const known = before.find((one) => one["name"] === call.body["name"]);
        const command = stored(call, call.body, place(call), "", known?.["id"]);
        commands.set(place(call), [...before.filter((one) => one !== known), command]);
        return new Answer(known === undefined ? 201 : 200, command);
      }),
    ],
    [
      `PATCH ${path}/:command`,
      asBot((call) => {
        const { commands } = own(call);
        const before = commands.get(place(call)) ?? [];
        const known = before.find((one) => one["id"] === param(call, "command"));
        if (known === undefined) throw refused(10063);
        const command = stored(call, { ...known, ...call.body }, place(call), "", known["id"]);
        commands.set(place(call), [...before.filter((one) => one !== known), command]);
        return command;
      }),
    ],
    [
      `DELETE ${path}/:command`,
      asBot((call) => {
        const { commands } = own(call);
        const before = commands.get(place(call)) ?? [];
        if (!before.some((one) => one["id"] === param(call, "command"))) throw refused(10063);
        commands.set(
          place(call),
          before.filter((one) => one["id"] !== param(call, "command")),
        );
        return NO_CONTENT;
      }),
    ],
  ]),
);

function own(call: BotCall): BotCall["application"] {
  if (param(call, "application") !== call.application.id) throw refused(10002);
  return call.application;
}

function stored(call: BotCall, given: Wire, place: string, path: string, knownId: unknown): Wire {
  const { name, description, type = CHAT_INPUT, options = [] } = given;
  const at = (field: string): string => (path === "" ? field : `${path}.${field}`);
  if (typeof name !== "string") throw missing(at("name"));
  if (type === CHAT_INPUT && !/^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u.test(name))
    throw invalidForm([at("name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"]);
  if (type === CHAT_INPUT && name !== name.toLowerCase())
    throw invalidForm([at("name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"]);
  if (type === CHAT_INPUT && (typeof description !== "string" || description.length < 1 || description.length > 100))
    throw invalidForm([at("description"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."]);
  if (!Array.isArray(options) || options.length > 25)
    throw invalidForm([at("options"), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length."]);
  return {
    default_member_permissions: null,
    nsfw: false,
    ...given,
    id: typeof knownId === "string" ? knownId : call.core.world.newId(),
    application_id: call.application.id,
    version: call.core.world.newId(),
    type,
    name,
    description: description ?? "",
    options,
    ...(place === GLOBAL
      ? { contexts: given["contexts"] ?? null, integration_types: given["integration_types"] ?? [0] }
      : { guild_id: place }),
  };
}
