import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import RateCharts from '../../../src-renderer/components/chart/RateCharts.vue'
import ThroughputChart from '../../../src-renderer/components/chart/ThroughputChart.vue'
import { usePreferencesStore } from '../../../src-renderer/stores/preferences.ts'
import { sampleCluster, sampleOverview } from '../../helpers/sample-cluster.ts'
import { showInConsole } from '../console-app.ts'
import { FakeTransport } from '../fake-transport.ts'

interface Axis {
  readonly position: string
  readonly max: number
  readonly interval: number
}
interface Option {
  readonly animation: boolean
  readonly legend?: unknown
  readonly tooltip: { readonly renderMode: string; readonly formatter: (rows: unknown) => string }
  readonly yAxis: Axis
  readonly series: readonly { readonly color: string; readonly data: readonly number[] }[]
}

/** What the charts are asked to draw; drawing itself needs a canvas. */
vi.mock('vue-echarts', async () => {
  const { defineComponent, h } = await import('vue')
  return { default: defineComponent({ name: 'VChart', props: ['option'], setup: () => () => h('i') }) }
})

const BAD = ['#db4a48', '#e5605a'] as const
beforeEach(() => document.documentElement.style.setProperty('--fill-bad', BAD[0]))

async function show(component: Parameters<typeof showInConsole>[0], points: readonly unknown[]) {
  const { wrapper } = await showInConsole(component, { transport: new FakeTransport(), props: { points } })
  const options = () => wrapper.findAllComponents({ name: 'VChart' }).map((chart) => chart.props('option') as Option)
  return { wrapper, options }
}

function expectCalm(option: Option): void {
  expect(option.animation).toBe(false)
  expect(option.legend).toBeUndefined()
  expect(option.tooltip.renderMode).toBe('richText')
  expect(option.yAxis.position).toBe('right')
  expect(option.yAxis.max / option.yAxis.interval).toBeLessThanOrEqual(2)
}

async function switchTheme(): Promise<void> {
  document.documentElement.style.setProperty('--fill-bad', BAD[1])
  const preferences = usePreferencesStore()
  preferences.chosen.theme = preferences.isDark ? 'light' : 'dark'
  await nextTick()
}

describe('the chart of ended jobs', () => {
  it('is calm, has its colours from the theme, and is a table for those who cannot see it', async () => {
    const { throughput } = sampleOverview(sampleCluster())
    const { wrapper, options } = await show(ThroughputChart, throughput)
    const [option] = options()
    if (option === undefined) throw new Error('no chart')
    expectCalm(option)
    expect(option.series[0]).toMatchObject({ color: BAD[0], data: throughput.map(({ failed }) => failed) })
    expect(option.tooltip.formatter([{ dataIndex: 32 }])).toMatch(/^\d\d:\d\d\nFinished {2}\d+\nFailed {2}17$/)
    expect(wrapper.findAll('tbody tr')).toHaveLength(48)
    expect(wrapper.findAll('tbody tr')[32]?.findAll('td')[1]?.text()).toBe('17')
    await switchTheme()
    expect(options()[0]?.series[0]?.color).toBe(BAD[1])
  })
})

describe('the charts of a running job', () => {
  it('are pages, items and errors per minute, the same as a table', async () => {
    const points = Array.from({ length: 5 }, (_, index) => ({
      at: new Date(Date.UTC(2026, 10, 22, 22, index)).toISOString(),
      pages: 612 + index,
      items: 431,
      errors: index === 4 ? 2 : 0,
    }))
    const { wrapper, options } = await show(RateCharts, points)
    expect(options()).toHaveLength(3)
    for (const option of options()) expectCalm(option)
    expect(options().map(({ yAxis }) => yAxis.max)).toEqual([800, 600, 4])
    expect(wrapper.findAll('.rate-head').map((head) => head.text().replaceAll(/\s+/g, ' '))).toEqual([
      'Pages616per min',
      'Items431per min',
      'Errors2per min',
    ])
    expect(wrapper.find('.rate-head .c-failed').text()).toBe('2')
    expect(
      wrapper
        .findAll('tbody tr')[4]
        ?.findAll('td')
        .map((cell) => cell.text()),
    ).toEqual(['616', '431', '2'])
    await switchTheme()
    expect(options()[2]?.series[0]?.color).toBe(BAD[1])
  })
})
