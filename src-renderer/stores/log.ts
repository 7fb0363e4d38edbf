import { defineStore } from 'pinia'
import { ref, watch } from 'vue'

const KEY = 'scrapyd-service.log-wrap'

/** How this browser shows logs. */
export const useLogStore = defineStore('log', () => {
  const wrap = ref(read())
  watch(wrap, (value) => {
    try {
      localStorage.setItem(KEY, value ? 'yes' : 'no')
    } catch {
      // A private mode without storage: it holds until the page is left.
    }
  })
  return { wrap }
})

function read(): boolean {
  try {
    return localStorage.getItem(KEY) === 'yes'
  } catch {
    return false
  }
}
