/** Turns while something is under way; says nothing to screen readers, so the surroundings must. */
export function Spinner() {
  return (
    <span
      aria-hidden="true"
      className="inline-block size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent opacity-70"
    />
  )
}
