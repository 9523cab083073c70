// Runs before the first paint, so that a chosen theme does not flash in the other one. See src/shell/theme.ts.
try {
  var theme = localStorage.getItem('insforge-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage may be forbidden; the theme of the system applies.
}
