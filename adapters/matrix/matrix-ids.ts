/** No identifier of Matrix is longer, in bytes. https://spec.matrix.org/v1.19/appendices/#identifier-grammar */
const MAX_ID_CHARS = 255;
/** Neither blanks nor control characters; what else is inside is the server's business. */
const BODY = /^[^\s\p{Cc}\p{Cs}]+$/u;

/** `@name:server`, also the historical forms with more signs in the name. */
export function asUserId(value: unknown): string | undefined {
  return isId(value, "@") && value.includes(":", 1) ? value : undefined;
}

/** `!opaque:server`, and since room version 12 `!opaque` alone: the server must not be read out of it. */
export function asRoomId(value: unknown): string | undefined {
  return isId(value, "!") ? value : undefined;
}

/** `$opaque`, in room versions 1 and 2 `$opaque:server`. */
export function asEventId(value: unknown): string | undefined {
  return isId(value, "$") ? value : undefined;
}

/** The server of a user id, port included. */
export function serverOf(userId: string): string {
  return userId.slice(userId.indexOf(":") + 1);
}

/** The name before the server, without the sigil. */
export function localpartOf(userId: string): string {
  return userId.slice(1, userId.indexOf(":"));
}

function isId(value: unknown, sigil: string): value is string {
  return (
    typeof value === "string" &&
    value.length > 1 &&
    value.length <= MAX_ID_CHARS &&
    value.startsWith(sigil) &&
    BODY.test(value)
  );
}

const MXC = /^mxc:\/\/([A-Za-z0-9.:[\]-]{1,255})\/([A-Za-z0-9_-]{1,255})$/u;

/** Server and media id of an `mxc://` address; undefined for anything else, so that no other host is ever asked. */
export function parseMxc(value: unknown): { readonly server: string; readonly mediaId: string } | undefined {
  const match = typeof value === "string" ? MXC.exec(value) : null;
  const [, server, mediaId] = match ?? [];
  return server === undefined || mediaId === undefined ? undefined : { server, mediaId };
}
