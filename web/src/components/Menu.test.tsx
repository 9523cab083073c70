import { cleanup, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, test, vi } from 'vitest'
import { Menu } from './Menu'

afterEach(cleanup)

function menu() {
  const chosen = vi.fn()
  const items = ['Light', 'Dark', 'System'].map((label) => ({
    label,
    checked: label === 'Dark',
    onSelect: () => chosen(label),
  }))
  render(
    <>
      <Menu label="Theme" trigger="T" items={items} />
      <button type="button">after</button>
    </>,
  )
  return { chosen, button: screen.getByRole('button', { name: 'Theme' }), user: userEvent.setup() }
}

const focused = () => document.activeElement?.textContent

test('the keyboard opens it at the chosen item, moves around its ends and chooses', async () => {
  const { chosen, button, user } = menu()
  button.focus()
  await user.keyboard('{ArrowDown}')
  expect([focused(), button.getAttribute('aria-expanded')]).toEqual(['Dark', 'true'])
  await user.keyboard('{ArrowDown}{ArrowDown}')
  expect(focused()).toBe('Light')
  await user.keyboard('{ArrowUp}')
  expect(focused()).toBe('System')
  await user.keyboard('{Home}')
  expect(focused()).toBe('Light')
  await user.keyboard('{End}{Enter}')
  expect(chosen).toHaveBeenCalledExactlyOnceWith('System')
  expect(screen.queryByRole('menu')).toBeNull()
  expect(document.activeElement).toBe(button)
})

test('Escape closes it and returns the focus; nothing is chosen', async () => {
  const { chosen, button, user } = menu()
  await user.click(button)
  await user.keyboard('{Escape}')
  expect(screen.queryByRole('menu')).toBeNull()
  expect(document.activeElement).toBe(button)
  expect(chosen).not.toHaveBeenCalled()
})

test('a click elsewhere closes it', async () => {
  const { button, user } = menu()
  await user.click(button)
  expect(screen.getByRole('menuitemradio', { name: 'Dark' }).getAttribute('aria-checked')).toBe('true')
  await user.click(screen.getByRole('button', { name: 'after' }))
  expect(screen.queryByRole('menu')).toBeNull()
})
