const PREFIX = "parley-draft ";

/** What was being written in a room or thread of this tab; survives changing rooms and reloading, not closing the tab. */
export function readDraft(place: string): string {
  try {
    return window.sessionStorage.getItem(PREFIX + place) ?? "";
  } catch {
    return ""; // storage can be switched off
  }
}

export function writeDraft(place: string, text: string): void {
  try {
    if (text === "") window.sessionStorage.removeItem(PREFIX + place);
    else window.sessionStorage.setItem(PREFIX + place, text);
  } catch {
    // A draft is a convenience; without storage it lasts as long as the box.
  }
}

/** Forgets all drafts, so that nothing of one person is left for the next at this machine. */
export function clearDrafts(): void {
  try {
    for (const key of Object.keys(window.sessionStorage))
      if (key.startsWith(PREFIX)) window.sessionStorage.removeItem(key);
  } catch {
    // Nothing was stored then.
  }
}
