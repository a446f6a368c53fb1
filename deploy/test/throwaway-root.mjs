// This machine's root with a layer on top that takes every change and goes with the test. Needs root and overlayfs.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { inTime } from '../../e2e/wait.mjs'
import { run } from './handed-out.mjs'

const MOUNTED_WITHIN_MS = 20_000
/** In a separate namespace, so that nothing is left mounted even if the test crashes. The layer ends with the shell's stdin. */
const MOUNT = `set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/changes /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/work /mnt/root
mount -t proc proc /mnt/root/proc
mount --bind /dev /mnt/root/dev
echo mounted
read -r end`

export class ThrowawayRoot {
  #holder

  /** One, or why there can be none here. @param {import('node:test').TestContext} context @returns {Promise<ThrowawayRoot | string>} */
  static async make(context) {
    if (process.getuid() !== 0) return 'this is not root'
    const root = new ThrowawayRoot()
    root.#holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', MOUNT], { stdio: ['pipe', 'pipe', 'pipe'] })
    context.after(() => root.#holder.stdin.end())
    const ended = once(root.#holder, 'exit').then(() => 'nothing can be mounted here')
    const said = once(createInterface({ input: root.#holder.stdout }), 'line').then(() => root)
    return inTime('a root to be mounted', Promise.race([said, ended]), MOUNTED_WITHIN_MS)
  }

  /** What runs a program in it. */
  get inside() {
    return ['nsenter', '--mount', '--target', `${this.#holder.pid}`, 'chroot', '/mnt/root']
  }

  /** Copies a file of this machine into it. @param {string} from @param {string} to */
  async take(from, to) {
    await run(['nsenter', '--mount', '--target', `${this.#holder.pid}`, 'cp', from, `/mnt/root${to}`])
  }

  /** Runs a program in it, and returns its stdout. @param {...string} command */
  run(...command) {
    return run([...this.inside, ...command], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' } })
  }

  /** The paths that were changed or made in it. @param {string} pattern as `find -path` reads it */
  async changed(pattern) {
    const found = await run(['nsenter', '--mount', '--target', `${this.#holder.pid}`, 'find', '/mnt/changes', '-path', `/mnt/changes${pattern}`, '-not', '-type', 'c'])
    return found.trim().split('\n').filter(Boolean).map((path) => path.replace('/mnt/changes', '')).sort()
  }
}
