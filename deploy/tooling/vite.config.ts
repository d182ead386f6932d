import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { fingerprintFile, pageBuildFolder, pageFingerprint, pageSourceFolder } from "./page-fingerprint.ts";

/** Leaves beside the build the fingerprint of its sources, by which build-page.ts sees whether it is current. */
function sourceFingerprint(): Plugin {
  return {
    name: "parley-source-fingerprint",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: fingerprintFile, source: pageFingerprint() });
    },
  };
}

// Vite believes a NODE_ENV that is already set: under a test runner, or in a developer's shell, it would build React's
// development version with this machine's paths in it, and the fingerprint would keep that build.
process.env["NODE_ENV"] = "production";

export default defineConfig({
  root: pageSourceFolder,
  base: "/",
  envDir: false,
  plugins: [react(), sourceFingerprint()],
  build: {
    outDir: pageBuildFolder,
    emptyOutDir: true,
    target: "es2022",
    // The page is served under a content security policy that allows no data: scripts and no inline code.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
