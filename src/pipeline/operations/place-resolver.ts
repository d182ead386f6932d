import type { AccessPlace } from "../../contracts/access.ts";
import { parsePlace } from "../../contracts/access-config.ts";
import type { PlaceView } from "../../contracts/access-operations.ts";
import { findInstallations, findPlaces, readNames } from "../../ledger/access-lists.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";

/** What a written place means, or what is wrong with it in words for whoever wrote it. */
export type ResolvedPlace =
  | { readonly place: AccessPlace; readonly problem?: undefined }
  | { readonly place?: undefined; readonly problem: string };

const ORGANIZATION: AccessPlace = { level: "organization", installationId: "", placeId: "" };

/** Finds the one place of an organization that a reference such as `slack:general` means. */
export async function resolvePlace(sql: SqlRunner, organizationId: string, text: string): Promise<ResolvedPlace> {
  const reference = parsePlace(text);
  if (reference === undefined)
    return { problem: `${text} names no place; write platform:channel, such as web:general` };
  const { level, within, name, literal } = reference;
  if (level === "organization") return { place: ORGANIZATION };
  const installations = await findInstallations(sql, organizationId, within);
  if (installations.length === 0) return { problem: `${text}: nothing is connected as ${within}` };
  if (literal) {
    const [only, ...others] = installations;
    return only === undefined || others.length > 0
      ? { problem: `${text}: several are connected as ${within}; write the installation's id (${ids(installations)})` }
      : { place: { level, installationId: only.id, placeId: name } };
  }
  const found = await findPlaces(
    sql,
    installations.map((installation) => installation.id),
    level,
    name,
  );
  if (level === "space") found.push(...spacesOf(installations, name, found));
  const [first, ...more] = found;
  if (first === undefined) return { problem: `no ${level} is known as ${text}` };
  if (more.length > 0)
    return {
      problem: `${text} means several places; write the ${level}'s id: ${found.map((place) => `${level}:${place.installationId}:id=${place.placeId}`).join(" or ")}`,
    };
  return { place: { level, ...first } };
}

/** A space that is an installation by itself (a workspace, a guild) is known by the platform's id of it before anything else is. */
function spacesOf(
  installations: readonly { readonly id: string; readonly external_id: string }[],
  name: string,
  found: readonly { readonly installationId: string }[],
): { installationId: string; placeId: string }[] {
  return installations
    .filter(({ id, external_id }) => external_id === name && !found.some((place) => place.installationId === id))
    .map(({ id, external_id }) => ({ installationId: id, placeId: external_id }));
}

function ids(installations: readonly { readonly id: string }[]): string {
  return installations.map((installation) => installation.id).join(", ");
}

/** Reads the names of places and people at once; returns what turns them into views. */
export async function readLabels(
  sql: SqlRunner,
  organizationId: string,
  places: readonly Pick<AccessPlace, "installationId" | "placeId">[],
  personIds: readonly string[],
): Promise<{ place(place: AccessPlace): PlaceView; person(id: string): string | undefined }> {
  const wanted = places.map(({ installationId, placeId }) => ({ installationId, placeId }));
  const names = await readNames(sql, organizationId, wanted, personIds);
  const known = new Map(names.places.map((row) => [JSON.stringify([row.installationId, row.placeId]), row]));
  const people = new Map(names.people.map((row) => [row.id, row.name]));
  return {
    place(place) {
      const { level, installationId, placeId } = place;
      if (level === "organization") return { level, installationId, placeId, label: "organization" };
      const row = known.get(JSON.stringify([installationId, placeId]));
      const name = `${row?.platform ?? installationId}:${row?.name ?? placeId}`;
      return { level, installationId, placeId, label: level === "channel" ? name : `${level}:${name}` };
    },
    person: (id) => people.get(id),
  };
}
