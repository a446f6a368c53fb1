import { expect, test } from 'vitest'

import type { ClusterNode, Nodes } from '../src/admin/answers.js'
import { aboutNode, noticeOf } from '../src/numbers/cluster.js'

const NODE: ClusterNode = { id: '00c0ffee', name: 'a', software: '0.9.0', tabs: 3, lag: 0, drains: false, watches: false, here: true }
const REACHED: Nodes = { cluster: 'shop', brokerReached: true, nodes: [NODE] }

test('numbers of all nodes need no notice, nor do those of a server alone', () => {
  expect(noticeOf(null, undefined)).toBeNull()
  expect(noticeOf(REACHED, { answered: 3, of: 3 })).toBeNull()
})

test('numbers that are without some nodes say so', () => {
  expect(noticeOf(REACHED, { answered: 2, of: 3 })).toBe('2 of 3 nodes answered: the numbers are without the others.')
  expect(noticeOf(REACHED, { answered: 1, of: 3, missing: ['b', 'c'] })).toBe('1 of 3 nodes answered: the numbers are without b, c.')
})

test('a broker that is away comes first, because it is why nodes are missing', () => {
  expect(noticeOf({ ...REACHED, brokerReached: false }, { answered: 1, of: 3 })).toMatch(/^The broker of the cluster is not reached/)
})

test('a node says how far it is behind, where it is', () => {
  expect(aboutNode(NODE)).toBe('headcount 0.9.0')
  expect(aboutNode({ ...NODE, lag: 1 })).toBe('headcount 0.9.0, 1 command behind')
  expect(aboutNode({ ...NODE, lag: 1_200 })).toBe('headcount 0.9.0, 1,200 commands behind')
})
