/** Names of arguments that hold secrets. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)?$|secret|token$|api[-_]?key|authorization|credential|private[-_]?key|cookie/i;
/** Values that are secrets whatever they are called: keys of well-known makers, bearer headers, private keys, JSON web tokens. */
const SECRET_VALUE =
  /\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bxox[abprse]-[\w-]{10,}|\bAKIA[A-Z0-9]{16}\b|\bglpat-[\w-]{16,}|\bBearer\s+[\w.~+/-]{16,}=*|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const HIDDEN = "[hidden]";
const MAX_DEPTH = 16;

/** Guarantees the same value with secrets left out: what stands under a name that says so, and texts that look like one. */
export function redactArguments(value: unknown, depth: number = 0): unknown {
  if (typeof value === "string") return value.replace(SECRET_VALUE, HIDDEN);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return HIDDEN;
  if (Array.isArray(value)) return value.map((entry) => redactArguments(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]): [string, unknown] => [
      name,
      SECRET_NAME.test(name) && entry !== null && entry !== "" ? HIDDEN : redactArguments(entry, depth + 1),
    ]),
  );
}
