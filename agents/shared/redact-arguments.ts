/** Names of arguments that hold secrets. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)?$|secret|token$|api[-_]?key|authorization|credential|private[-_]?key|cookie/i;
/** Values that are secrets whatever they are called: keys of well-known makers, bearer headers, private keys, JSON web tokens. */
const SECRET_VALUE =
  /\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bxox[abprse]-[\w-]{10,}|\bAKIA[A-Z0-9]{16}\b|\bglpat-[\w-]{16,}|\bBearer\s+[\w.~+/-]{16,}=*|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const HIDDEN = "[hidden]";
const MAX_DEPTH = 16;

/** What stands in the place of something hidden: of a text that looks like a secret, and of a value by the name that it stands under. */
interface Hiding {
  ofText(secret: string): string;
  ofValue(value: unknown, name: string): string;
}

const PLAIN: Hiding = { ofText: () => HIDDEN, ofValue: () => HIDDEN };

/** Guarantees the same value with secrets left out: what stands under a name that says so, and texts that look like one. */
export function redactArguments(value: unknown): unknown {
  return hide(value, PLAIN, 0);
}

/** As `redactArguments`, where each piece left out says what it is and how long; `hidden` counts them. For people who decide about the value. */
export function describeHidden(value: unknown): { readonly shown: unknown; readonly hidden: number } {
  let hidden = 0;
  const mark = (kind: string, chars: number): string => {
    hidden += 1;
    return `[hidden: ${kind}, ${chars} characters]`;
  };
  const shown = hide(
    value,
    {
      ofText: (secret) => mark(kindOf(secret), secret.length),
      ofValue: (inner, name) => mark(name, typeof inner === "string" ? inner.length : JSON.stringify(inner).length),
    },
    0,
  );
  return { shown, hidden };
}

function hide(value: unknown, hiding: Hiding, depth: number): unknown {
  if (typeof value === "string") return value.replace(SECRET_VALUE, (secret) => hiding.ofText(secret));
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return hiding.ofValue(value, "nested too deeply");
  if (Array.isArray(value)) return value.map((entry) => hide(entry, hiding, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]): [string, unknown] => [
      name,
      SECRET_NAME.test(name) && entry !== null && entry !== ""
        ? hiding.ofValue(entry, name)
        : hide(entry, hiding, depth + 1),
    ]),
  );
}

function kindOf(secret: string): string {
  if (secret.startsWith("Bearer")) return "a bearer header";
  if (secret.startsWith("-----BEGIN")) return "a private key";
  return secret.startsWith("eyJ") ? "a JSON web token" : "a key";
}
