/** What the pipeline counts. Labels are platforms, outcomes and rules; never text, never ids of people. */
export interface Metrics {
  eventIngested(platform: string, outcome: "stored" | "duplicate" | "malformed" | "ignored"): void;
  /** From the platform's request to the committed row, in ms. */
  acknowledged(platform: string, durationMs: number): void;
  turnFinished(connectorKind: string, outcome: string, durationMs: number): void;
  deliveryFinished(platform: string, outcome: string, durationMs: number): void;
  /** A turn that the loop guard refused, by its rule. */
  loopSuppressed(rule: string): void;
}
