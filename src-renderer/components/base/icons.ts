/** A 16×16 drawing: `d` is stroked 1.5 wide, or filled. */
interface Icon {
  readonly d: string
  readonly fill?: true
  readonly width?: number
}

/** Our own icons, as single paths. Those that tell a state are in StateGlyph.vue. */
export const ICONS = {
  'chevron-down': { d: 'M4.5 6.3L8 9.8l3.5-3.5' },
  'chevron-left': { d: 'M9.7 4.5L6.2 8l3.5 3.5' },
  'chevron-right': { d: 'M6.3 4.5L9.8 8l-3.5 3.5' },
  search: { d: 'M2.7 7a4.3 4.3 0 108.6 0 4.3 4.3 0 10-8.6 0M10.3 10.3L14 14' },
  overview: { d: 'M2 8.5h2.6l1.8-5 3 9 1.9-4H14' },
  jobs: { d: 'M6 4h8M6 8h8M6 12h8M2.2 3.2v1.6L3.6 4zM2.2 7.2v1.6L3.6 8zM2.2 11.2v1.6L3.6 12z' },
  projects: { d: 'M1.8 12.2V4.1c0-.6.4-1 1-1h3l1.5 1.8h5.9c.6 0 1 .4 1 1v6.3c0 .6-.4 1-1 1H2.8c-.6 0-1-.4-1-1z' },
  nodes: {
    d: 'M3 2.5h10a1 1 0 011 1v2.6a1 1 0 01-1 1H3a1 1 0 01-1-1V3.5a1 1 0 011-1zM3 9h10a1 1 0 011 1v2.6a1 1 0 01-1 1H3a1 1 0 01-1-1V10a1 1 0 011-1zM4.6 4.8h.01M4.6 11.3h.01M8 4.8h3.5M8 11.3h3.5',
  },
  forwards: { d: 'M2.5 5.2h10M9.8 2.4l2.8 2.8-2.8 2.8M13.5 10.8h-10M6.2 8l-2.8 2.8 2.8 2.8' },
  run: { d: 'M4.6 3.1v9.8c0 .5.5.8.9.5l7.3-4.9c.4-.3.4-.8 0-1L5.5 2.6c-.4-.3-.9 0-.9.5z', fill: true },
  pause: { d: 'M5.5 3.5v9M10.5 3.5v9', width: 1.8 },
  close: { d: 'M4 4l8 8M12 4l-8 8' },
  minus: { d: 'M4 8h8', width: 1.8 },
  plus: { d: 'M8 3v10M3 8h10' },
  check: { d: 'M3.2 8.4l3.1 3.1 6.5-7', width: 1.8 },
  'arrow-down': { d: 'M8 2.5v9M4.5 8.5L8 12l3.5-3.5' },
  'arrow-up': { d: 'M8 13.5v-9M4.5 7.5L8 4l3.5 3.5' },
  more: {
    d: 'M2.3 8a1.2 1.2 0 102.4 0 1.2 1.2 0 10-2.4 0M6.8 8a1.2 1.2 0 102.4 0 1.2 1.2 0 10-2.4 0M11.3 8a1.2 1.2 0 102.4 0 1.2 1.2 0 10-2.4 0',
    fill: true,
  },
  again: { d: 'M13 8a5 5 0 11-1.6-3.7M13.2 2.2v2.6h-2.6' },
  copy: {
    d: 'M6.7 5.5h5.6a1.2 1.2 0 011.2 1.2v5.6a1.2 1.2 0 01-1.2 1.2H6.7a1.2 1.2 0 01-1.2-1.2V6.7a1.2 1.2 0 011.2-1.2zM10.5 5.5V3.2c0-.4-.3-.7-.7-.7H3.2c-.4 0-.7.3-.7.7v6.6c0 .4.3.7.7.7h2.3',
  },
  commit: { d: 'M5.4 8a2.6 2.6 0 105.2 0 2.6 2.6 0 10-5.2 0M1.5 8h3.9M10.6 8h3.9' },
  pull: { d: 'M8 1.8v8M5 7l3 3 3-3M3 10.5v2c0 .7.5 1.2 1.2 1.2h7.6c.7 0 1.2-.5 1.2-1.2v-2' },
  download: { d: 'M8 2.5v7.3M5 7l3 3 3-3M2.8 13.3h10.4' },
  terminal: { d: 'M3 4.5L6.5 8 3 11.5M8 12h5' },
  plug: { d: 'M5.5 2v3M10.5 2v3M3.8 5h8.4v2.5a4.2 4.2 0 01-8.4 0zM8 11.7V14' },
  lock: {
    d: 'M4.2 7h7.6c.7 0 1.2.5 1.2 1.2v4.1c0 .7-.5 1.2-1.2 1.2H4.2c-.7 0-1.2-.5-1.2-1.2V8.2C3 7.5 3.5 7 4.2 7zM5.2 7V5a2.8 2.8 0 015.6 0v2',
  },
  link: {
    d: 'M6.8 9.2l2.4-2.4M7.5 4.8l1.2-1.2a2.6 2.6 0 013.7 3.7l-1.2 1.2M8.5 11.2l-1.2 1.2a2.6 2.6 0 01-3.7-3.7l1.2-1.2',
  },
  wrap: { d: 'M2.5 3.8h11M2.5 8h8.7a2.3 2.3 0 010 4.5H8.6M10 10.9l-1.6 1.6L10 14M2.5 12.5h3' },
  filter: { d: 'M2.5 4h11M4.5 8h7M6.5 12h3' },
  trash: { d: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.4 4.5l.6 8.6h6l.6-8.6M6.8 7v3.8M9.2 7v3.8' },
  'sign-out': { d: 'M6.5 2.8H3.8c-.6 0-1 .4-1 1v8.4c0 .6.4 1 1 1h2.7M6.5 8h7M10.8 5.2L13.6 8l-2.8 2.8' },
} as const satisfies Record<string, Icon>

export type IconName = keyof typeof ICONS
