/** Shows a theme; Element Plus and tokens.css both read the class. */
export function showTheme(dark: boolean): void {
  const root = document.documentElement
  root.classList.toggle('dark', dark)
  root.dataset['theme'] = dark ? 'dark' : 'light'
}
