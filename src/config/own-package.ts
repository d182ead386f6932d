import { registerHooks } from "node:module";

const OWN_NAME = /^parley\/(?:config|agent)$/;
let isOffered = false;

/**
 * Guarantees that `parley/config` and `parley/agent` mean this Parley in every module that is loaded from now on.
 *
 * Node finds a package by the folder of the file that imports it, and a configuration may lie anywhere. One that has a
 * package `parley` of its own nearby keeps that one.
 */
export function offerOwnPackage(): void {
  if (isOffered) return;
  isOffered = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (!OWN_NAME.test(specifier)) return nextResolve(specifier, context);
      try {
        return nextResolve(specifier, context);
      } catch {
        return nextResolve(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}
