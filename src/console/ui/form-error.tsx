/** A form's failure, read aloud when it appears; the region is always there, so that readers know it before it speaks. */
export function FormError({ text }: { text: string | undefined }) {
  return (
    <p role="alert" className={text === undefined ? "visually-hidden" : "notice notice-error"}>
      {text}
    </p>
  );
}
