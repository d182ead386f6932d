import { type Event, EventType, omitOptionalNulls } from "@ag-ui/core";
import { EventSchema } from "@ag-ui/core/schemas";
import { describeIssues } from "../shared/describe-fault.ts";
import { notAgui } from "./errors.ts";

const KNOWN: ReadonlySet<string> = new Set(Object.values(EventType));

/**
 * Guarantees a valid AG-UI event; undefined for one of a type that is not known, as the protocol asks of its readers.
 *
 * Servers in Python write optional fields as null, which older readers took; they are read as absent. Throws AGENT_REPLY_INVALID.
 */
export function toAguiEvent(value: unknown): Event | undefined {
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string")
    throw notAgui("an event has no type");
  if (!KNOWN.has(value.type)) return undefined;
  const parsed = EventSchema.safeParse(omitOptionalNulls(value, "Event"));
  if (!parsed.success) throw notAgui(`${value.type}: ${describeIssues(parsed.error)}`);
  return parsed.data as Event; // the schema is generated from the same source as the type
}
