/**
 * Takes the sign-in code out of the address (`#code=…`) and removes it there at once.
 *
 * Afterwards neither the address bar, nor the history, nor a copied address holds the code.
 */
export function takeCode(location: Location, history: History): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get("code")?.trim();
  if (!code) return undefined;
  history.replaceState(null, "", "/");
  return code;
}

/** The code in what a person pasted: the whole link, its fragment, or the code alone. */
export function codeFromPaste(pasted: string): string {
  const text = pasted.trim();
  const fragment = text.includes("#") ? text.slice(text.indexOf("#") + 1) : text;
  return new URLSearchParams(fragment).get("code")?.trim() ?? text;
}
