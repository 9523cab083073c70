/**
 * Copies a text. Over plain http from another machine browsers offer no clipboard API, hence the old way as well.
 * Rejects when neither is allowed.
 */
export async function copyText(value: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(value)
  const field = document.createElement('textarea')
  field.value = value
  field.readOnly = true
  field.className = 'sr-only'
  document.body.append(field)
  const focused = document.activeElement
  field.select()
  const copied = document.execCommand('copy')
  field.remove()
  if (focused instanceof HTMLElement) focused.focus()
  if (!copied) throw new Error('copying is not allowed')
}
