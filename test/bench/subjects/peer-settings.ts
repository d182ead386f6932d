/** What a peer's process is told on its command line. */
export interface PeerSettings {
  readonly port: number;
  readonly apiUrl: string;
  readonly botToken: string;
  readonly botUserId: string;
  readonly signingSecret: string;
  readonly redisUrl: string;
}

export function readPeerSettings(): PeerSettings {
  return JSON.parse(process.argv[2] ?? "{}") as PeerSettings; // written by start-peer.ts
}

/** The line that start-peer.ts waits for. */
export function sayReady(): void {
  process.stdout.write("ready\n");
}
