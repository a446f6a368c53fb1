#!/usr/bin/env node
// Runs the binary as if it had been called itself: with this process's arguments, variables, streams and signals, and with its exit code.
//
// From Node.js 22.15 on, this process becomes the binary. Before, the binary is a child. A terminal sends Ctrl-C to both, so it is passed
// on only where there is no terminal: a second one ends the server at once.

'use strict'

const { spawn } = require('node:child_process')
const { constants } = require('node:os')
const { isatty } = require('node:tty')

const { binary } = require('../index.js')

try {
  start(binary())
} catch (error) {
  fail(error)
}

function start(path) {
  const args = process.argv.slice(2)
  if (typeof process.execve === 'function') process.execve(path, [path, ...args])
  else supervise(path, args)
}

function supervise(path, args) {
  const isInTerminal = [0, 1, 2].some((stream) => isatty(stream))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // Before the child is there, so that none ends this process alone.
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !isInTerminal) child.kill(signal)
    })
  }
  const child = spawn(path, args, { stdio: 'inherit' })
  child.on('error', fail)
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

function fail(error) {
  console.error(`headcount: ${error.message}`)
  process.exit(1)
}
