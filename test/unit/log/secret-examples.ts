const random = (length: number, alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") => {
  // A fixed sequence, so that a failure can be repeated; xorshift32.
  let state = 0x9e3779b9 ^ length;
  return Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return alphabet[(state >>> 0) % alphabet.length];
  }).join("");
};
const hex = (length: number) => random(length, "0123456789abcdef");
const upper = (length: number) => random(length, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");

/** One secret of each shape: `text` is how it turns up, `secret` is what must not be seen. Assembled here, so that no scanner takes them for real. */
export const SECRET_EXAMPLES: readonly { readonly name: string; readonly secret: string; readonly text: string }[] = (
  [
    ["Slack bot token", `xoxb-${random(11, "0123456789")}-${random(12, "0123456789")}-${random(24)}`],
    ["Slack user token", `xoxp-${random(11, "0123456789")}-${random(24)}`],
    ["Slack app token", `xapp-1-A${upper(10)}-${random(13, "0123456789")}-${hex(64)}`],
    ["Slack configuration token", `xoxe.xoxp-1-${random(40)}`],
    ["Slack refresh token", `xoxe-1-${random(40)}`],
    ["Slack legacy token", `xoxs-${random(30)}`],
    ["Slack workflow token", `xwfp-${random(30)}`],
    ["Slack webhook", `${random(24)}`, (secret: string) => `https://hooks.slack.com/services/T000/B000/${secret}`],
    ["Slack signing secret", hex(32), (secret: string) => `signing_secret=${secret}`],
    ["Slack signature", hex(64), (secret: string) => `v0=${secret}`],
    ["Slack client secret", hex(32), (secret: string) => `client_secret=${secret}&code=1`],
    ["Standard Webhooks secret", `whsec_${random(44)}`],
    ["Standard Webhooks signature", `${random(43)}=`, (secret: string) => `v1,${secret}`],
    ["bearer header", random(43), (secret: string) => `Authorization: Bearer ${secret}1`],
    ["basic header", Buffer.from(`user:${random(20)}`).toString("base64"), (secret: string) => `Basic ${secret}`],
    ["JSON web token", `eyJ${random(30)}.eyJ${random(40)}.${random(43)}`],
    ["host cookie", random(32), (secret: string) => `cookie is __Host-parley=${secret}; Path=/`],
    ["Parley operator token", `prl_op_${random(43)}`],
    ["Parley reply address", random(43), (secret: string) => `POST http://127.0.0.1:3700/api/replies/${secret}`],
    ["Parley sign-in link", random(43), (secret: string) => `http://127.0.0.1:3700/sign-in#${secret}`],
    ["Discord bot token", `M${random(23)}.${random(6)}.${random(38)}`],
    ["Discord webhook", random(68), (secret: string) => `https://discord.com/api/webhooks/1234567890/${secret}`],
    ["Telegram bot token", `123456789:AA${random(33)}`],
    ["Matrix access token", `syt_${random(12)}_${random(20)}_${random(6)}`],
    ["Matrix authentication service token", `mct_${random(30)}_${random(6)}`],
    ["OpenAI key", `sk-proj-${random(48)}`],
    ["Anthropic key", `sk-ant-api03-${random(80)}-AA`],
    ["Stripe key", `sk_live_${random(24)}`],
    ["Groq key", `gsk_${random(52)}`],
    ["xAI key", `xai-${random(80)}`],
    ["Hugging Face token", `hf_${random(34)}`],
    ["AWS access key id", `AKIA${upper(16)}`],
    ["AWS temporary key id", `ASIA${upper(16)}`],
    ["Google API key", `AIza${random(35)}`],
    ["Google OAuth token", `ya29.${random(60)}`],
    ["Google client secret", `GOCSPX-${random(28)}`],
    ["GitHub token", `ghp_${random(36)}`],
    ["GitHub fine-grained token", `github_pat_${random(22)}_${random(59)}`],
    ["GitLab token", `glpat-${random(20)}`],
    ["npm token", `npm_${random(36)}`],
    ["PyPI token", `pypi-${random(60)}`],
    ["Docker token", `dckr_pat_${random(27)}`],
    ["DigitalOcean token", `dop_v1_${hex(64)}`],
    ["Shopify token", `shpat_${hex(32)}`],
    ["Linear key", `lin_api_${random(40)}`],
    ["SendGrid key", `SG.${random(22)}.${random(43)}`],
    ["Mailgun key", `key-${hex(32)}`],
    ["Vault token", `hvs.${random(40)}`],
    ["age key", `AGE-SECRET-KEY-1${upper(58)}`],
    [
      "private key",
      random(64),
      (secret: string) => `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
    ],
    ["PostgreSQL password", random(16), (secret: string) => `postgres://parley:${secret}@127.0.0.1:5432/parley`],
    ["Redis password", random(16), (secret: string) => `redis://:${secret}@127.0.0.1:6379`],
    ["password assignment", random(14), (secret: string) => `password=${secret} user=x`],
    ["access token in a query", random(30), (secret: string) => `GET /x?access_token=${secret}&y=1`],
    ["token inside JSON text", random(30), (secret: string) => `{"token":"${secret}"}`],
    ["api key assignment", random(30), (secret: string) => `apiKey: ${secret}`],
  ] satisfies [string, string, ((secret: string) => string)?][]
).map(([name, secret, text]) => ({ name, secret, text: text === undefined ? secret : text(secret) }));
