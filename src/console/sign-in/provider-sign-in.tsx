import { useEffect, useState } from "react";
import { type SignInProvider, webApi } from "../api/web-api.ts";

/** True when the way to the identity provider ended here without a session. */
export function wasRefused(location: Location): boolean {
  return location.hash === "#refused";
}

/** The button to the organization's identity provider, where it has one; the address may name the organization. */
export function ProviderSignIn() {
  const [provider, setProvider] = useState<SignInProvider>();

  useEffect(() => {
    let gone = false;
    const organization = new URLSearchParams(window.location.search).get("organization") ?? undefined;
    // Without an answer the links still work.
    webApi.signInOptions(organization).then(
      (found) => !gone && setProvider(found),
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, []);

  if (provider === undefined) return null;
  return (
    <a className="button button-primary" href={provider.url}>
      Sign in with {provider.label}
    </a>
  );
}
