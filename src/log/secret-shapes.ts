const REDACTED = "[redacted]";

/** One kind of secret as it looks in text. Sources: the issuers' own token documentation and secret-scanning pattern lists. */
interface SecretShape {
  readonly pattern: string;
  /** How many leading groups of the pattern are context and stay. */
  readonly keeps?: true;
}

const SHAPES: readonly SecretShape[] = [
  // PEM blocks, also with escaped line ends
  { pattern: String.raw`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?="|$))` },
  // Slack: bot, user, app, configuration, refresh, legacy and workflow tokens; webhooks; signatures
  { pattern: String.raw`\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{6,}` },
  { pattern: String.raw`\b(?:xapp|xwfp)-[A-Za-z0-9-]{6,}` },
  { pattern: String.raw`(hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/)[A-Za-z0-9/_-]+`, keeps: true },
  { pattern: String.raw`\bv0=[0-9a-f]{64}\b` },
  // Standard Webhooks secrets and signatures
  { pattern: String.raw`\bwh(?:sec|sk|pk)_[A-Za-z0-9+/=_-]{8,}` },
  { pattern: String.raw`\bv1a?,[A-Za-z0-9+/]{40,}={0,2}` },
  // Authorization headers and cookies
  {
    pattern: String.raw`\b((?:Bearer|Basic|Bot|Token|Digest)\s+)(?=[^\s"\\]*[0-9._=+/-])[A-Za-z0-9._~+/=:-]{8,}`,
    keeps: true,
  },
  { pattern: String.raw`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?` },
  { pattern: String.raw`(__(?:Host|Secure)-[A-Za-z0-9_-]+=)[^;,\s"\\]+`, keeps: true },
  // Parley's own: operator, agent and reply tokens, sign-in links
  { pattern: String.raw`\bprl_[a-z]+_[A-Za-z0-9_-]{16,}` },
  { pattern: String.raw`(/api/replies/)(?!:)[^/?#\s"\\]+`, keeps: true },
  { pattern: String.raw`(/sign-in(?:/|[?#](?:[a-z]+=)?))[A-Za-z0-9_.~-]{8,}`, keeps: true },
  // Discord bot tokens and webhooks, Telegram bots, Matrix access tokens
  {
    pattern: String.raw`\b(?:mfa\.[A-Za-z0-9_-]{20,}|[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})`,
  },
  { pattern: String.raw`(/api/(?:v\d+/)?webhooks/\d+/)[A-Za-z0-9_-]+`, keeps: true },
  { pattern: String.raw`\b\d{8,10}:AA[A-Za-z0-9_-]{32,}` },
  { pattern: String.raw`\b(?:syt|syr|syl|mat|mct|mcr|mpt)_[A-Za-z0-9_=-]{8,}` },
  // Model providers
  { pattern: String.raw`\b(?:sk|rk|pk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9_-]{16,}` },
  { pattern: String.raw`\b(?:gsk|xai|hf|r8|pplx|nvapi|fw|tgp_v1)[-_][A-Za-z0-9_-]{16,}` },
  // Clouds, code forges, registries, services
  { pattern: String.raw`\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b` },
  { pattern: String.raw`\bAIza[A-Za-z0-9_-]{30,}` },
  { pattern: String.raw`\bya29\.[A-Za-z0-9_-]{16,}` },
  { pattern: String.raw`\bGOCSPX-[A-Za-z0-9_-]{16,}` },
  {
    pattern: String.raw`\b(?:gh[pousr]|github_pat|glpat|gldt|glrt|npm|dckr_pat|dop_v1|shpat|shpss|lin_api|ntn|secret_ntn|pscale_tkn|figd|sbp)[-_][A-Za-z0-9_-]{16,}`,
  },
  { pattern: String.raw`\bpypi-[A-Za-z0-9_-]{16,}` },
  { pattern: String.raw`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}` },
  { pattern: String.raw`\bkey-[0-9a-f]{32}\b` },
  { pattern: String.raw`\bhv[sbr]\.[A-Za-z0-9_-]{20,}` },
  { pattern: String.raw`\bAGE-SECRET-KEY-1[A-Z0-9]{30,}` },
  // Passwords inside addresses
  { pattern: String.raw`\b([a-z][a-z0-9+.-]{1,20}://[^\s:/@"\\]*:)[^\s/@"\\]+(?=@)`, keeps: true },
  // name=value and "name":"value", whatever the value looks like
  {
    pattern: String.raw`((?:\b|[_-])(?:pass(?:word|wd|phrase)?|secret|signing[_-]?secret|client[_-]?secret|token|(?:access|refresh|id|auth|bot|app)[_-]?token|api[_-]?key|private[_-]?key|authorization|cookie|signature|sig|credential)s?\\*["']?\s*[=:]\s*\\*["']?)(?!\[redacted\]|Bearer|Basic|Bot |\d+\b(?!["\\]))[^\s"'\\&;,}]{6,}`,
    keeps: true,
  },
];

const PATTERNS = SHAPES.map(({ pattern, keeps }) => ({ expression: new RegExp(pattern, "gi"), keeps: keeps === true }));

/** Values shorter than this are no secrets, and replacing them would tear ordinary words apart. */
const MIN_EXACT_CHARS = 8;

/**
 * Guarantees a function that replaces every known secret shape, and each given value in plain, URL and base64 form, by `[redacted]`.
 *
 * It is the last net under structured redaction; text in other languages and ids pass unchanged.
 */
export function createScrubber(secrets: readonly string[] = []): (text: string) => string {
  const exact = secrets.filter((secret) => secret.length >= MIN_EXACT_CHARS).flatMap(spellings);
  const values = [...new Set(exact)].sort((left, right) => right.length - left.length);
  return (text) => {
    let clean = text;
    for (const value of values) if (clean.includes(value)) clean = clean.replaceAll(value, REDACTED);
    for (const { expression, keeps } of PATTERNS) clean = clean.replace(expression, keeps ? `$1${REDACTED}` : REDACTED);
    return clean;
  };
}

function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret, "utf8");
  const base64 = bytes.toString("base64").replace(/=+$/, "");
  const escaped = JSON.stringify(secret).slice(1, -1);
  return [secret, escaped, encodeURIComponent(secret), base64, bytes.toString("base64url"), bytes.toString("hex")];
}
