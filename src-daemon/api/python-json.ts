/**
 * JSON spaced as Python's `json.dumps` does it (`{"status": "ok", "projects": ["a", "b"]}`): scripts around curl match such
 * text with grep. A line break stands nowhere in the indented text but in the layout, so it can be replaced blindly.
 */
export function toPythonJson(value: unknown): string {
  return JSON.stringify(value, null, 1)
    .replaceAll(/([{[])\n */g, '$1')
    .replaceAll(/\n *([}\]])/g, '$1')
    .replaceAll(/\n */g, ' ')
}
