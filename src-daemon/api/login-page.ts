import { cspHash, escapeHtml } from './html.ts'

type Language = 'en' | 'zh-CN'

const TEXTS = {
  en: {
    title: 'Sign in',
    username: 'User name',
    password: 'Password',
    submit: 'Sign in',
    wrong: 'User name or password is wrong.',
    failed: 'The daemon does not answer. Try again.',
  },
  'zh-CN': {
    title: '登录',
    username: '用户名',
    password: '密码',
    submit: '登录',
    wrong: '用户名或密码错误。',
    failed: '服务没有响应，请重试。',
  },
} as const

const STYLE = `
:root { color-scheme: light dark; --bg: #F3F5F5; --surface: #FFFFFF; --line: #C9CFD3; --text: #14191C; --quiet: #49535A;
  --ink: #1A2024; --on: #FFFFFF; --bad: #C22A2A; --focus: #1D5BD6; }
@media (prefers-color-scheme: dark) { :root { --bg: #0B0E10; --surface: #121618; --line: #3C454B; --text: #E7EBED;
  --quiet: #ABB5BB; --ink: #E7EBED; --on: #0B0E10; --bad: #F08583; --focus: #7FA8F5; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--bg); color: var(--text);
  font: 14px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
main { width: 320px; max-width: calc(100vw - 32px); padding: 24px; background: var(--surface); border: 1px solid var(--line); }
h1 { margin: 0; font-size: 16px; }
h1 + p { margin: 2px 0 18px; color: var(--quiet); overflow-wrap: anywhere; }
label { display: block; margin: 12px 0 4px; }
input { width: 100%; height: 34px; padding: 0 10px; font: inherit; color: inherit; background: var(--bg);
  border: 1px solid var(--line); border-radius: 4px; }
input:focus-visible, button:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
button { width: 100%; height: 34px; margin-top: 18px; font: inherit; color: var(--on); background: var(--ink); border: 0;
  border-radius: 4px; cursor: pointer; }
#message { min-height: 21px; margin: 12px 0 0; color: var(--bad); }
`

// Sent by script the page stays where it is, fragment included; without script the form goes by itself.
const SCRIPT = `
const form = document.forms[0], message = document.getElementById('message')
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const { username, password } = form.elements
  message.textContent = ''
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ username: username.value, password: password.value }),
    })
    if (answer.ok) return location.reload()
    message.textContent = answer.status === 401 ? form.dataset.wrong : form.dataset.failed
    password.select()
  } catch {
    message.textContent = form.dataset.failed
  }
})
`

/** Policy of the login page: nothing but its own style, script and form. */
export const LOGIN_CSP =
  `default-src 'none'; style-src ${cspHash(STYLE)}; script-src ${cspHash(SCRIPT)}; connect-src 'self'; ` +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export interface LoginPage {
  readonly prefix: string
  readonly nodeName: string
  /** Where a form without script comes back to: path and query, without the prefix. */
  readonly next: string
  readonly isWrong: boolean
  readonly acceptLanguage: string | undefined
}

/** The page that a browser without a session gets, in place of any other. */
export function loginPage({ prefix, nodeName, next, isWrong, acceptLanguage }: LoginPage): string {
  const language = languageOf(acceptLanguage)
  const text = TEXTS[language]
  return `<!DOCTYPE html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text.title} · ${escapeHtml(nodeName)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Scrapyd Service</h1>
<p>${escapeHtml(nodeName)}</p>
<form method="post" action="${prefix}/api/session" data-wrong="${text.wrong}" data-failed="${text.failed}">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label for="username">${text.username}</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">${text.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">${text.submit}</button>
<p id="message" role="alert">${isWrong ? text.wrong : ''}</p>
</form>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`
}

/** The first language that is wanted and spoken here. */
function languageOf(accept: string | undefined): Language {
  const wanted = (accept ?? '').split(',').map((part) => part.trim().toLowerCase())
  const found = wanted.find((language) => /^(zh|en)\b/.test(language))
  return found?.startsWith('zh') === true ? 'zh-CN' : 'en'
}
