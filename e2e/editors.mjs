// Editors from npm, as pages have them: put into one script and one style sheet, once for a run.

import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'

/** Each draws itself into an element, with some lines of text in it. */
const SOURCE = `
import * as monaco from 'monaco-editor/editor/editor.api'
import { basicSetup, EditorView } from 'codemirror'
import { Editor } from '@tiptap/core'
import StarterKit from '@tiptap/starter-kit'
import Quill from 'quill'
import 'quill/dist/quill.snow.css'
import { createEditor, $createParagraphNode, $createTextNode, $getRoot } from 'lexical'
import { registerRichText } from '@lexical/rich-text'
import { createEmptyHistoryState, registerHistory } from '@lexical/history'

const LINES = Array.from({ length: 60 }, (_, index) => 'line ' + index)
const PARAGRAPHS = LINES.map((line) => '<p>' + line + '</p>').join('')
const code = (host, editContext) => {
  const editor = monaco.editor.create(host, { value: LINES.join('\\n'), minimap: { enabled: false }, editContext })
  return () => editor.getValue()
}
const editors = {
  'monaco': (host) => code(host, true),
  'monaco with a hidden area': (host) => code(host, false),
  codemirror(host) {
    const view = new EditorView({ parent: host, doc: LINES.join('\\n'), extensions: basicSetup })
    return () => view.state.doc.toString()
  },
  tiptap(host) {
    const editor = new Editor({ element: host, extensions: [StarterKit], content: PARAGRAPHS })
    return () => editor.getHTML()
  },
  quill(host) {
    host.innerHTML = PARAGRAPHS
    const quill = new Quill(host, { theme: 'snow' })
    return () => JSON.stringify(quill.getContents())
  },
  lexical(host) {
    host.contentEditable = 'true'
    const editor = createEditor({ onError(error) { throw error } })
    editor.setRootElement(host)
    registerRichText(editor)
    registerHistory(editor, createEmptyHistoryState(), 0)
    editor.update(() => { $getRoot().append(...LINES.map((line) => $createParagraphNode().append($createTextNode(line)))) }, { discrete: true, tag: 'history-merge' })
    return () => editor.read(() => $getRoot().getTextContent())
  },
}
window.draw = (name) => { window.text = editors[name](document.getElementById('editor')) }
`

/** The script and the style sheet, by the paths that pages ask for. @type {Promise<Record<string, string>> | undefined} */
let built

export function editorFiles() {
  built ??= build({
    stdin: { contents: SOURCE, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true, write: false, minify: true, format: 'iife', outfile: 'editors.js', logLevel: 'error', loader: { '.ttf': 'empty' },
  }).then(({ outputFiles }) => Object.fromEntries(outputFiles.map(({ path, text }) => [`/${path.split('/').at(-1)}`, text])))
  return built
}

/** The body of a page with this editor in it. */
export function editorPage(name) {
  return `<link rel="stylesheet" href="/editors.css"><div id="editor" style="height:300px;width:600px;overflow:auto"></div>
<script src="/editors.js"></script><script>draw(${JSON.stringify(name)})</script>`
}
