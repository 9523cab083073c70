import { Monitor, Moon, Sun } from 'lucide-react'
import { Menu } from '../components/Menu'
import { text } from '../text'
import { setTheme, useTheme, type Theme } from './theme'

const icons = { light: Sun, dark: Moon, system: Monitor }
const themes: Theme[] = ['light', 'dark', 'system']

export function ThemeMenu() {
  const chosen = useTheme()
  const Icon = icons[chosen]
  return (
    <Menu
      label={text.shell.theme}
      trigger={<Icon aria-hidden="true" />}
      items={themes.map((theme) => ({
        label: text.shell.themes[theme],
        icon: icons[theme],
        checked: theme === chosen,
        onSelect: () => setTheme(theme),
      }))}
    />
  )
}
