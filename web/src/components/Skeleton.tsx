/** Holds the place of a text that is still loading. Give it a width. */
export function Skeleton({ className = '' }: { className?: string }) {
  return <span aria-hidden="true" className={`inline-block h-3.5 animate-pulse rounded bg-hover align-middle ${className}`} />
}
