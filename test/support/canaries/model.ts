import { randomBytes } from "node:crypto";

/** A place as it is meant to be: who is in it now. */
export interface ModelChannel {
  readonly organization: number;
  readonly id: string;
  readonly name: string;
  /** Every member of the workspace may read it, joined or not. */
  readonly isPublic: boolean;
  readonly people: Set<string>;
  bot: boolean;
  readonly messages: ModelMessage[];
}

export interface ModelMessage {
  readonly ts: string;
  readonly author: string;
  canary: string;
}

interface Canary {
  readonly from: ModelChannel;
  /** Its message was deleted or edited since. */
  gone: boolean;
  /** Where an agent said it to people who may read it: it is a message there too. */
  readonly told: Set<ModelChannel>;
}

/** Knows where every canary was put and told, and so who may see it. */
export class CanaryModel {
  /** Those of the sequence under way, and all that ever were. */
  channels: ModelChannel[] = [];
  readonly everyChannel = new Map<string, ModelChannel>();
  readonly #canaries = new Map<string, Canary>();

  begin(channels: ModelChannel[]): void {
    this.channels = channels;
    for (const channel of channels) this.everyChannel.set(channel.id, channel);
  }

  put(channel: ModelChannel): string {
    const canary = `cnry${randomBytes(16).toString("hex")}`;
    this.#canaries.set(canary, { from: channel, gone: false, told: new Set() });
    return canary;
  }

  remove(canary: string): void {
    const known = this.#canaries.get(canary);
    if (known !== undefined) known.gone = true;
  }

  /** An agent said it in a place where it may stand. */
  tell(canary: string, channel: ModelChannel): void {
    this.#canaries.get(canary)?.told.add(channel);
  }

  /** Why an agent that was asked here by this person must not have seen this canary; undefined when it may have. */
  mayNotSee(canary: string, asked: { readonly channel: ModelChannel; readonly by: string }): string | undefined {
    const known = this.#canaries.get(canary);
    if (known === undefined) return "that nobody put anywhere";
    if (known.from.organization !== asked.channel.organization) return "of another organization";
    const places = placesOf(known);
    if (places.length === 0) return `that was deleted or edited before in ${known.from.name}`;
    const isReadable = (place: ModelChannel): boolean =>
      place === asked.channel || (place.bot && place.people.has(asked.by));
    return places.some(isReadable)
      ? undefined
      : `of ${places.map(({ name, id }) => `${name} (${id})`).join(", ")}, which agent and asking person are not both in`;
  }

  /** Why this canary must not stand in a post here; undefined when all who read here may read some place that it is in. */
  mayNotStand(canary: string, here: ModelChannel): string | undefined {
    const known = this.#canaries.get(canary);
    if (known === undefined) return "a canary that nobody put anywhere";
    if (known.from.organization !== here.organization) return "of another organization";
    const places = [known.from, ...known.told];
    return places.some((place) => isWithin(here, place))
      ? undefined
      : `not all who read here may read ${places.map(({ name, id }) => `${name} (${id})`).join(", ")}`;
  }
}

function placesOf({ from, gone, told }: Canary): readonly ModelChannel[] {
  return gone ? [...told] : [from, ...told];
}

function isWithin(here: ModelChannel, place: ModelChannel): boolean {
  if (here === place || place.isPublic) return true;
  return !here.isPublic && [...here.people].every((person) => place.people.has(person));
}
