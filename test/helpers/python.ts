import { basePythons, askPython } from '../../scripts/lib/python.ts'

/** Any Python that the supervisor can run under, with or without Scrapy. */
export function plainPython(): string {
  for (const python of basePythons) {
    const executable = askPython(python, 'import sys; assert sys.version_info >= (3, 9); print(sys.executable)')
    if (executable !== null) return executable
  }
  throw new Error('These tests need a Python of version 3.9 or newer: install python3.')
}
