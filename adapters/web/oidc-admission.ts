import type { WebOidcSettings } from "./config.ts";

const MAX_NAME_CHARS = 60;

/**
 * Whether the provider's claims let a person in: a verified e-mail address of an allowed domain, if domains are named, and every claim
 * that is named with one of its values. With neither, nobody.
 */
export function isAdmitted(
  claims: Readonly<Record<string, unknown>>,
  { allowedDomains, claims: wanted }: Pick<WebOidcSettings, "allowedDomains" | "claims">,
): boolean {
  const named = Object.entries(wanted);
  if (allowedDomains.length === 0 && named.length === 0) return false;
  const domainFits = allowedDomains.length === 0 || allowedDomains.includes("*") || hasDomain(claims, allowedDomains);
  return domainFits && named.every(([name, values]) => hasOneOf(own(claims, name), values));
}

function hasDomain(claims: Readonly<Record<string, unknown>>, domains: readonly string[]): boolean {
  const { email, email_verified: verified } = claims;
  if (typeof email !== "string" || verified !== true) return false;
  // The last @ ends the local part, which may hold others in quotes.
  const domain = email.slice(email.lastIndexOf("@") + 1).toLowerCase();
  return domains.some((allowed) => allowed.toLowerCase() === domain);
}

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function hasOneOf(value: unknown, allowed: readonly string[]): boolean {
  const given = Array.isArray(value) ? value : [value];
  return given.some((one) => (typeof one === "string" || typeof one === "boolean") && allowed.includes(String(one)));
}

/** What a new person is called; a name is for reading alone and never says who somebody is. */
export function displayName(claims: Readonly<Record<string, unknown>>): string {
  const candidates = [claims["name"], claims["preferred_username"], claims["nickname"]];
  for (const candidate of candidates) {
    if (typeof candidate !== "string") continue;
    const name = candidate
      .replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ")
      .replaceAll(/\s+/g, " ")
      .trim()
      .slice(0, MAX_NAME_CHARS)
      .trim();
    if (name !== "" && name.isWellFormed()) return name;
  }
  return "New member";
}
