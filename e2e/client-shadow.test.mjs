// Web components: what its user does under shadow roots, and with what is slotted into them.

import { click, drag, hold, pass } from './controls.mjs'

const ICON = '<script>customElements.define("x-icon",class extends HTMLElement{constructor(){super();this.attachShadow({mode:"open"}).innerHTML="<svg width=20 height=20><rect width=20 height=20 /></svg>"}})</script>'
const COLUMN = `<script>customElements.define("x-col",class extends HTMLElement{constructor(){super();this.attachShadow({mode:"open"}).innerHTML="<section style='display:inline-block;width:120px;min-height:120px;border:1px solid;vertical-align:top'><slot></slot></section>"}})</script>`
/** A card goes to the column under the pointer. */
const MOVES = '<script>for(const c of document.querySelectorAll(".c"))c.onpointerdown=()=>addEventListener("pointerup",e=>{const t=document.elementsFromPoint(e.clientX,e.clientY).map(x=>x.closest("x-col")).find(x=>x);if(t)t.append(c)},{once:true})</script>'

hold({
  'a switch whose icon is clicked': [`${ICON}<button id=s role=switch aria-checked=false onclick="s.ariaChecked='true'"><x-icon></x-icon></button>`, click('x-icon')],
  'an element that is a checkbox itself': [`<x-check>I agree</x-check><script>customElements.define("x-check",class extends HTMLElement{constructor(){super();this.attachShadow({mode:"open"}).innerHTML="<span>[ ]</span><slot></slot>";this.onclick=()=>{this.ariaChecked="true"}}connectedCallback(){this.setAttribute("role","checkbox");this.setAttribute("aria-checked","false")}})</script>`, click('x-check')],
  'a toolbar that changes an editor of the page': ['<x-bar></x-bar><div id=e contenteditable>doc</div><script>const r=document.querySelector("x-bar").attachShadow({mode:"open"});r.innerHTML="<button>Insert</button>";r.firstChild.onclick=()=>e.append(" TEMPLATE")</script>', click('x-bar button')],
  'a button with an icon that changes an editor': [`${ICON}<button onclick="e.innerHTML='<b>doc</b>'"><x-icon></x-icon></button><div id=e contenteditable>doc</div>`, click('x-icon')],
  'a card that is dragged to another column': [`${COLUMN}<x-col><div class=c style="user-select:none">card 1</div></x-col><x-col></x-col>${MOVES}`, (page) => drag(page, '.c', 140, 20)],
  'a card that is dragged down its column': [`${COLUMN}<x-col><div class=c style="user-select:none">card 1</div><div>2</div><div>3</div></x-col>${MOVES}`, (page) => drag(page, '.c', 0, 40)],
  'a list right under a shadow root that is sorted': ['<div id=h></div><script>const r=h.attachShadow({mode:"open"});r.innerHTML="<div class=c style=\'user-select:none\'>1</div><div>2</div><div>3</div>";const c=r.firstChild;c.onpointerdown=()=>addEventListener("pointerup",()=>r.append(c),{once:true})</script>', (page) => drag(page, '#h .c', 0, 40)],
  'a field of a form that is saved': ['<form id=f><div id=h></div></form><script>h.attachShadow({mode:"open"}).innerHTML="<input>"</script>', (page) => page.locator('#h input').pressSequentially('x'), () => window.headcount.saved(document.querySelector('#f'))],
  'a field of a form that is reset': ['<form id=f><div id=h></div></form><script>const r=h.attachShadow({mode:"open"});r.innerHTML="<input>";f.onreset=()=>{r.firstChild.value=""}</script>', (page) => page.locator('#h input').pressSequentially('x'), () => document.querySelector('#f').reset()],
})

pass({
  'a notice in a dialog that was open before': ['<p id=p>text</p><x-note></x-note><script>document.querySelector("x-note").attachShadow({mode:"open"}).innerHTML="<dialog open>Cookies?</dialog>"</script>', click('#p')],
  'a film that is sought': ['<x-film></x-film><script>const r=document.querySelector("x-film").attachShadow({mode:"open"});r.innerHTML="<video></video><div><span role=slider aria-valuenow=0 style=\'display:block;height:20px\'></span></div>";const s=r.querySelector("span");s.onclick=()=>{s.ariaValueNow=5}</script>', click('x-film span')],
  'an icon that opens a menu': [`${ICON}<button id=n onclick="m.hidden=!m.hidden"><x-icon></x-icon></button><ul role=menu id=m hidden><li role=menuitem>Copy</ul>`, click('x-icon')],
})
