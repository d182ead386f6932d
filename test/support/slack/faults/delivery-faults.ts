/** Faults on the way from Slack to the app; all off by default, each drawn per event with the stand-in's seed. */
export interface DeliveryFaults {
  /** An event arrives 2 to `maxCopies` times with the same event_id (Slack never makes a new event_id for the same ts). */
  duplicate?: { probability: number; maxCopies?: number };
  /** An event is held back for up to `windowMs`, so that later ones overtake it. */
  reorder?: { probability: number; windowMs: number };
  /** The app's acknowledgement is lost: Slack takes the attempt for a timeout and retries. */
  dropAnswer?: { probability: number };
  /** The WebSocket dies right after the envelope was written to it. */
  dropSocket?: { probability: number };
  /** Limits all of them to these event types. */
  types?: string[];
}
