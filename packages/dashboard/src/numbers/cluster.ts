// What is to be said of a cluster and of one of its nodes.

import type { Answered, ClusterNode, Nodes } from '../admin/answers.js'
import { legible } from './names.js'
import { some } from './words.js'

/** What an operator should know before reading the numbers; `null` where they are of all nodes. */
export function noticeOf(nodes: Nodes | null, answered: Answered | undefined): string | null {
  if (nodes?.brokerReached === false) {
    return 'The broker of the cluster is not reached. The numbers are of this node alone, and commands are refused until the broker is back.'
  }
  if (answered === undefined || answered.answered >= answered.of) return null
  const { missing = [] } = answered
  const others = missing.length === 0 ? 'the others' : missing.map(legible).join(', ')
  return `${answered.answered} of ${answered.of} nodes answered: the numbers are without ${others}.`
}

/** The version of headcount that it runs, and how far it is behind with commands. */
export function aboutNode({ software, lag }: ClusterNode): string {
  return lag === 0 ? `headcount ${software}` : `headcount ${software}, ${some(lag, 'command')} behind`
}
