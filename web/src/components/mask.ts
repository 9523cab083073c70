/** Hides a key except for its kind ("ik_") and its last four characters, by which two keys can be told apart. */
export function mask(value: string): string {
  if (value.length < 16) return '•'.repeat(12)
  const kind = /^[a-z]+_/.exec(value)?.[0] ?? ''
  return kind + '•'.repeat(16) + value.slice(-4)
}
