import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { ensureChromium } from './chromium.ts'
import { root } from './root.ts'

const SIZES = [16, 24, 32, 48, 64, 128, 256, 512, 1024] as const

/**
 * Draws the icons of all systems from the console's own `icon.svg`, which is the one source: PNG by size for Linux, one
 * .icns for macOS, one .ico for Windows, and the tray's (black on nothing, as macOS wants a template).
 */
export async function drawIcons(): Promise<void> {
  const svg = readFileSync(join(root, 'src-renderer/assets/icon.svg'), 'utf8')
  // The tray shows the bars alone: the ground would be a block in a menu bar.
  const tray = svg.replace(/<rect width="16" height="16"[^>]*\/>/, '').replace('fill="#fff"', 'fill="#000"')
  const folder = join(root, 'build/icons')
  mkdirSync(folder, { recursive: true })
  const browser = await chromium.launch({
    executablePath: await ensureChromium(),
    args: ['--headless', '--no-sandbox'],
  })
  try {
    const page = await browser.newPage()
    const draw = async (image: string, size: number) => {
      await page.setViewportSize({ width: size, height: size })
      const sized = image.replace('<svg ', `<svg width="${size}" height="${size}" style="display:block" `)
      await page.setContent(`<body style="margin:0;background:transparent">${sized}</body>`)
      return page.screenshot({ omitBackground: true, type: 'png' })
    }
    const images = new Map<number, Buffer>()
    for (const size of SIZES) {
      const image = await draw(svg, size)
      images.set(size, image)
      if (size <= 512) writeFileSync(join(folder, `${size}x${size}.png`), image)
    }
    writeFileSync(join(root, 'build/tray.png'), await draw(tray, 18))
    writeFileSync(join(root, 'build/tray@2x.png'), await draw(tray, 36))
    writeFileSync(join(root, 'build/icon.icns'), icns(images))
    writeFileSync(join(root, 'build/icon.ico'), ico(images))
  } finally {
    await browser.close()
  }
}

/** Apple's container: four letters and a length before each PNG. */
function icns(images: ReadonlyMap<number, Buffer>): Buffer {
  const kinds: readonly [kind: string, size: number][] = [
    ['icp4', 16],
    ['icp5', 32],
    ['ic07', 128],
    ['ic08', 256],
    ['ic09', 512],
    ['ic10', 1024],
  ]
  const entries = kinds.flatMap(([kind, size]) => {
    const image = images.get(size) ?? Buffer.alloc(0)
    return [Buffer.from(kind, 'latin1'), uint32(image.length + 8), image]
  })
  const body = Buffer.concat(entries)
  return Buffer.concat([Buffer.from('icns', 'latin1'), uint32(body.length + 8), body])
}

/** Microsoft's container: a table of sizes and places, then the PNGs. */
function ico(images: ReadonlyMap<number, Buffer>): Buffer {
  const sizes = [16, 24, 32, 48, 64, 128, 256]
  const head = Buffer.alloc(6 + 16 * sizes.length)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(sizes.length, 4)
  let place = head.length
  const bodies = sizes.map((size, index) => {
    const image = images.get(size) ?? Buffer.alloc(0)
    const at = 6 + 16 * index
    // 0 stands for 256.
    head.writeUInt8(size % 256, at)
    head.writeUInt8(size % 256, at + 1)
    head.writeUInt16LE(1, at + 4)
    head.writeUInt16LE(32, at + 6)
    head.writeUInt32LE(image.length, at + 8)
    head.writeUInt32LE(place, at + 12)
    place += image.length
    return image
  })
  return Buffer.concat([head, ...bodies])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
