// Text made safe for HTML: names of cameras, paths and configuration come from outside.

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * `text` as element content or quoted attribute value of HTML. Control characters, marks that turn
 * the direction of what follows and halves of surrogate pairs become U+FFFD; line breaks and tabs
 * stay.
 */
export function escapeMarkup(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    .replace(/[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu, "\ufffd");
}

/** `value` as JSON inside a script element: no `<`, so neither `</script>` nor `<!--` can occur. */
export function escapeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
