import type { WebRoomStore } from "../../contracts/web-room-store.ts";
import type { Database } from "../connection/database.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { createAccessStore } from "./access-store.ts";
import { createEventsStore } from "./events-store.ts";
import { createLiveStore } from "./live-store.ts";
import { createPostsStore } from "./posts-store.ts";
import { createRoomsStore } from "./rooms-store.ts";
import { createUploadsStore } from "./uploads-store.ts";

export interface WebRoomStoreOptions {
  readonly database: Database;
  /** The ledger as one organization sees it. Default: as its owner does. */
  readonly tenant?: Tenants;
  /** Folder that holds nothing but uploads; made on first use. Several processes of one deployment share it. */
  readonly uploadsFolder: string;
}

/** Guarantees one behaviour over PGlite and PostgreSQL, with one process or many; does no I/O by itself. */
export function createWebRoomStore({
  database,
  tenant = () => database,
  uploadsFolder,
}: WebRoomStoreOptions): WebRoomStore {
  return {
    access: createAccessStore(database, tenant),
    rooms: createRoomsStore(tenant),
    posts: createPostsStore(tenant),
    events: createEventsStore(database, tenant),
    uploads: createUploadsStore(tenant, uploadsFolder),
    live: createLiveStore(database, tenant),
  };
}
