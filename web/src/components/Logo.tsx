/** The mark: an I that is also an anvil. */
export function Logo({ className = '' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={className}>
      <rect x="0.5" y="0.5" width="31" height="31" rx="8" fill="#0b0f0d" stroke="#34d399" strokeOpacity="0.2" />
      <path
        fill="#34d399"
        d="M6 9h20v3.4c-3.3.1-5.6 1.3-6.8 3.6v3.2c.9 1.5 2.3 2.3 4.3 2.4V25H8.5v-3.4c2-.1 3.4-.9 4.3-2.4V16C11.6 13.7 9.3 12.5 6 12.4z"
      />
    </svg>
  )
}
