import { type ClipboardEvent, type DragEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useController, useMe } from "../state/context.tsx";
import { windowKey } from "../state/model.ts";
import { Icon } from "../ui/icon.tsx";
import { CompletionList, optionId } from "./completion-list.tsx";
import { readDraft, writeDraft } from "./drafts.ts";
import { UploadList } from "./upload-list.tsx";
import { useCompletion } from "./use-completion.ts";
import { useUploads } from "./use-uploads.ts";

const MOST_ROWS = 8;

/**
 * The box to write in: Enter sends, Shift+Enter begins a line, `@` and `/` complete, files come by button, paste or drop.
 *
 * A multi-line text box may not be an ARIA combobox, so it is a text box that owns a list (`aria-autocomplete`, `aria-activedescendant`).
 */
export function Composer(props: {
  roomId: string;
  threadRootId: string | null;
  boxId: string;
  label: string;
  onEditLast: () => void;
}) {
  const { roomId, threadRootId, boxId, label } = props;
  const controller = useController();
  const { limits } = useMe();
  const draftKey = windowKey(roomId, threadRootId);
  const [text, setText] = useState(() => readDraft(draftKey));
  const [caret, setCaret] = useState(0);
  const [dragging, setDragging] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const caretToSet = useRef<number>(undefined);
  const listId = useId();
  const uploads = useUploads(roomId);

  const write = (next: string, at: number) => {
    setText(next);
    setCaret(at);
    writeDraft(draftKey, next);
  };
  const completion = useCompletion({
    roomId,
    text,
    caret,
    onAccept: (next, at) => {
      caretToSet.current = at;
      write(next, at);
      box.current?.focus();
    },
  });
  useEffect(() => {
    if (caretToSet.current === undefined) return;
    box.current?.setSelectionRange(caretToSet.current, caretToSet.current);
    caretToSet.current = undefined;
  });

  const ready = uploads.entries.flatMap((entry) => entry.upload ?? []);
  const busy = uploads.entries.some((entry) => entry.state === "sending");
  const usable = (text.trim() !== "" || ready.length > 0) && !busy && text.length <= limits.maxPostChars;
  const open = completion.options.length > 0;

  const send = () => {
    if (!usable) return;
    void controller.posts.send({ roomId, threadRootId, text: text.trim(), uploads: ready });
    write("", 0);
    uploads.clear();
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (completion.onKey(event) || event.nativeEvent.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "") {
      event.preventDefault();
      props.onEditLast();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    uploads.add(event.clipboardData.files);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setDragging(false);
    uploads.add(event.dataTransfer.files);
  };

  return (
    <div
      className={dragging ? "composer composer-dragging" : "composer"}
      onDragOver={(event) => {
        event.preventDefault();
        setDragging(true);
      }}
      onDragLeave={() => setDragging(false)}
      onDrop={onDrop}
    >
      {open && <CompletionList id={listId} completion={completion} />}
      <output className="visually-hidden">
        {open && `${completion.options.length} completions, arrow keys choose`}
      </output>
      <div className="composer-box">
        <UploadList uploads={uploads} />
        <textarea
          ref={box}
          id={boxId}
          aria-label={label}
          placeholder={label}
          value={text}
          rows={Math.min(MOST_ROWS, text.split("\n").length)}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={open ? listId : undefined}
          aria-activedescendant={open ? optionId(listId, completion.selected) : undefined}
          onChange={(event) => {
            write(event.target.value, event.target.selectionStart);
            if (event.target.value !== "") controller.typing(roomId, threadRootId);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <div className="composer-tools">
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            aria-label="Files to send"
            onChange={(event) => {
              uploads.add(event.target.files ?? []);
              event.target.value = "";
            }}
          />
          <button
            type="button"
            className="icon-button"
            aria-label="Attach files"
            title="Attach files"
            onClick={() => picker.current?.click()}
          >
            <Icon name="attach" />
          </button>
          <span className="composer-hint">
            {text.length > limits.maxPostChars
              ? `${text.length - limits.maxPostChars} characters too many`
              : "Enter sends, Shift+Enter new line, @ names, / commands"}
          </span>
          <button
            type="button"
            className="icon-button composer-send"
            aria-label="Send"
            title="Send"
            disabled={!usable}
            onClick={send}
          >
            <Icon name="send" />
          </button>
        </div>
      </div>
    </div>
  );
}
