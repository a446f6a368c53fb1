// What nodes say to each other and keep at the broker, sealed as docs/decisions/0072 says, by another library than theirs.

import { hkdfSync, randomBytes } from 'node:crypto'

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'

const REVISION = 1
const NONCE_BYTES = 24
/** Of a message on the bus: the start of its sender, and whom it is for. */
const HEADER_BYTES = 13
const TO_ALL = 0
const TO_NODE = 2

class Seal {
  #key
  #bound

  /** @param {string} secret of the cluster @param {string} purpose @param {string} cluster its name */
  constructor(secret, purpose, cluster) {
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', `headcount ${purpose}`, 32))
    this.#bound = Buffer.concat([Buffer.from([REVISION]), uint64(cluster.length), Buffer.from(cluster)])
  }

  /** @param {Buffer} place what the text is bound to @param {Buffer} text */
  seal(place, text) {
    const nonce = randomBytes(NONCE_BYTES)
    return Buffer.concat([Buffer.from([REVISION]), nonce, this.#cipher(nonce, place).encrypt(text)])
  }

  /** @param {Buffer} place @param {Buffer} sealed */
  open(place, sealed) {
    return Buffer.from(this.#cipher(sealed.subarray(1, 1 + NONCE_BYTES), place).decrypt(sealed.subarray(1 + NONCE_BYTES)))
  }

  #cipher(nonce, place) {
    return xchacha20poly1305(this.#key, nonce, Buffer.concat([this.#bound, place]))
  }
}

/** The bus, as a node has it. */
export class SealedBus {
  #seal
  #start = randomBytes(8)

  /** @param {string} secret @param {string} cluster */
  constructor(secret, cluster) {
    this.#seal = new Seal(secret, 'bus', cluster)
  }

  /** @param {string} text @param {string} [node] whom it is for; all, if nobody is named */
  seal(text, node) {
    const to = node === undefined ? Buffer.from([TO_ALL, 0, 0, 0, 0]) : Buffer.concat([Buffer.from([TO_NODE]), Buffer.from(node, 'hex')])
    return this.#seal.seal(Buffer.alloc(0), Buffer.concat([this.#start, to, Buffer.from(text)]))
  }

  /** @param {Buffer} sealed */
  open(sealed) {
    return String(this.#seal.open(Buffer.alloc(0), sealed).subarray(HEADER_BYTES))
  }
}

/** The log of commands. */
export class SealedLog {
  #seal

  /** @param {string} secret @param {string} cluster */
  constructor(secret, cluster) {
    this.#seal = new Seal(secret, 'log', cluster)
  }

  /** @param {number} index where the entry will be @param {object} entry */
  seal(index, entry) {
    return this.#seal.seal(uint64(index), Buffer.from(JSON.stringify(entry)))
  }
}

function uint64(number) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes
}
