/** Texts that others wrote, on their way to somebody's terminal. */

// Control characters move the cursor, forge lines or clear what was said; the others turn round what is read.
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** On one line, and as it is read: what a terminal would follow stands there by its number. */
export function visibleText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}
