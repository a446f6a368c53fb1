// What scripts change beside a click or a key: editors, custom controls, lists that are sorted. And what is put back, or only looked at.

import { click, drag, hold, pass, press } from './controls.mjs'

/** Until the page has the part that sees what is shown beside a field: it is loaded at the first press. */
const ready = (page) => page.evaluate(async () => { await import('/__skew/client/refreshing.1.js') })

/** A combobox that shows what was chosen beside its field; its options have no role. */
const BESIDE = `<div id=b style="width:200px;height:30px"><span><input id=s role=combobox aria-expanded=false readonly style="width:20px"></span><b id=v>red</b></div>
  <div id=p hidden onmousedown="event.preventDefault()"><p id=o>blue</p><p id=same>red</p></div><script>
  const open=is=>{s.ariaExpanded=is;p.hidden=!is};const choose=one=>{v.textContent=one;open(false)}
  b.onmousedown=v=>{v.preventDefault();s.focus();open(true)};o.onclick=()=>choose("blue");same.onclick=()=>choose("red")
  s.onkeydown=({key})=>{if(key==="ArrowDown")open(true);if(key==="Enter")choose("blue");if(key==="Escape")open(false)}</script>`
/** A click beside each box checks it. */
const ROWS = '<ul><li id=r>one <input id=c type=checkbox></ul><script>r.onclick=e=>{if(e.target!==c)c.checked=!c.checked}</script>'
/** A list that a button opens. Keys go through it, and Escape leaves it as it was. */
const LIST = `<button id=s>red</button><ul id=u role=listbox hidden><li id=o role=option tabindex=-1 aria-selected=true>red<li id=q role=option tabindex=-1 aria-selected=false>blue</ul><script>
  s.onclick=()=>{u.hidden=false;o.focus()};u.onkeydown=v=>{v.preventDefault();if(v.key==="ArrowDown"){o.ariaSelected=false;q.focus()}if(v.key==="Escape"){u.hidden=true;s.focus()}}</script>`

/** What holds. */
const WORK = {
  'a template put into an editor that its user never entered': ['<div id=e contenteditable>doc</div><button id=n onclick="e.append(\' TEMPLATE\')">Insert</button>', click('#n')],
  'a button of an editor by keyboard': ['<div id=s contenteditable>doc</div><button onclick="s.innerHTML=\'<b>doc</b>\'">B</button>', press('Tab', 'Enter')],
  'a button beside a text area': ['<textarea id=e>doc</textarea><button id=n onclick="e.setRangeText(\'**doc**\',0,3)">B</button>', click('#e', '#n')],
  'a button inside an editor': ['<div id=e contenteditable><p>one</p><div id=w contenteditable=false>image <button id=n onclick="w.remove()">x</button></div></div>', click('#e p', '#n')],
  'a list indented by Tab': ['<div id=s contenteditable>a</div><script>s.onkeydown=v=>{if(v.key==="Tab"){v.preventDefault();s.innerHTML="<ul><li>a</ul>"}}</script>', press('Tab')],
  'a text emptied by a script after Backspace': ['<div id=s contenteditable><p><br></p></div><script>s.onkeydown=v=>{if(v.ctrlKey&&v.key==="Enter"){v.preventDefault();s.innerHTML="<p><br></p>"}}</script>', press('a', 'b', 'Backspace', 'Control+Enter')],
  'a list sorted a moment after the drop': ['<ul id=l style="user-select:none"><li id=a>a<li>b<li>c</ul><script>a.onpointerdown=()=>{addEventListener("pointerup",()=>setTimeout(()=>{l.append(a);document.title="done"},100),{once:true})}</script>', async (page) => {
    await drag(page, '#a', 0, 40)
    await page.waitForFunction(() => document.title === 'done')
  }],
  'a slider clicked on its track': ['<div id=t style="width:200px;height:20px"><span id=h role=slider aria-valuenow=0></span></div><script>t.onpointerdown=e=>{h.ariaValueNow=e.offsetX}</script>', click('#t')],
  'a field counted up by a script': ['<input id=s value=1><script>s.onkeydown=e=>{if(e.key==="ArrowUp"){e.preventDefault();s.value=+s.value+1}}</script>', press('ArrowUp')],
  'a combobox by keys': ['<input id=s role=combobox><script>s.onkeydown=e=>{if(e.key==="Enter"){e.preventDefault();s.value="blue"}}</script>', press('ArrowDown', 'Enter')],
  'a custom checkbox by its row': ['<div onclick="s.ariaChecked=true"><span id=s role=checkbox aria-checked=false>o</span> <b id=l>Agree</b></div>', click('#l')],
  'a day for a read-only field': ['<input id=s readonly><table role=grid><tr><td role=gridcell id=d onclick="s.value=28">28</table>', click('#s', '#d')],
  'keys that a canvas hears through the page': ['<canvas id=k></canvas><script>addEventListener("keydown",e=>e.preventDefault())</script>', async (page) => { await page.click('#k'); await page.keyboard.type('text') }],
  'a select that serves for the next record': ['<select id=s><option>a<option>b</select><button id=n onclick="s.value=\'b\'">2</button>', async (page) => { await press('ArrowDown')(page); await page.click('#n'); await press('ArrowUp')(page) }],
  'a file for a field that is not on the page': ['<button id=n onclick="const i=document.createElement(\'input\');i.type=\'file\';i.onchange=()=>{n.textContent=i.files[0].name};i.click()">Upload</button>', async (page) => {
    const choosing = page.waitForEvent('filechooser')
    await page.click('#n')
    await (await choosing).setFiles({ name: 'photo.png', mimeType: 'image/png', buffer: Buffer.from('photo') })
    await page.waitForFunction(() => document.body.textContent.includes('photo.png'))
  }],
  'an option chosen when the pointer is let go': ['<ul role=listbox id=u><li role=option id=o>blue</ul><script>o.onpointerup=()=>u.remove()</script>', click('#o')],
  'an option chosen when the pointer is pressed': ['<ul role=listbox id=u><li role=option id=o>blue</ul><script>o.onmousedown=()=>u.remove()</script>', click('#o')],
  'a switch that is drawn again when it is pressed': ['<div id=f><span role=switch aria-checked=false id=s>off</span></div><script>s.onpointerdown=()=>{f.innerHTML="<span role=switch aria-checked=true>on</span>"}</script>', click('#s')],
  'a stroke that ends outside of its canvas': ['<canvas id=k width=200 height=60 style="background:#eee"></canvas><p>text</p>', (page) => drag(page, '#k', 40, 120)],
  'a slider whose rail is pressed, with the range in its thumb': [`<span id=r style="display:block;position:relative;width:200px;height:20px;background:#ccc;user-select:none"><span id=th style="position:absolute;left:0;width:20px;height:20px">
    <input id=i type=range aria-valuenow=0 value=0 style="clip:rect(0 0 0 0);overflow:hidden;position:absolute;width:100%;height:100%;margin:-1px"></span></span>
    <script>r.onmousedown=e=>{e.preventDefault();i.value=50;i.setAttribute("aria-valuenow",50);i.setAttribute("value",50)}</script>`, click('#r')],
  'a number that a button beside it counts up': ['<div><div><button id=n onclick="i.value=+i.value+1;i.setAttribute(\'aria-valuenow\',i.value)">+</button></div><input id=i role=spinbutton aria-valuenow=1 value=1></div>', click('#n')],
  'a choice by its first letter, in a closed button': ['<button id=s role=combobox aria-expanded=false><span>red</span></button><script>s.onkeydown=e=>{if(e.key==="b")s.firstChild.textContent="blue"}</script>', press('b')],
  'a choice by keys in a list that has the focus for its options': [`<button id=s aria-haspopup=listbox>red</button><script>s.onclick=()=>{const u=document.createElement("ul");u.role="listbox";u.tabIndex=0;u.innerHTML="<li role=option id=o>blue";s.after(u);u.focus()
    u.onkeydown=e=>{e.preventDefault();if(e.key==="Enter"){s.textContent="blue";u.remove()}}}</script>`, press('Enter', 'ArrowDown', 'Enter')],
  'a cell that a click gave the focus, emptied by a key': ['<div role=grid><div role=row><div role=gridcell id=c tabindex=-1>7</div></div></div><script>c.onkeydown=e=>{if(e.key==="Delete")c.textContent=""}</script>', async (page) => { await page.click('#c'); await page.keyboard.press('Delete') }],
  'a card that is dragged while its user was in a search field': ['<input id=s><div id=a style="height:60px;user-select:none"><div id=c onmousedown="event.preventDefault()">card</div></div><div id=b style="height:60px"></div><script>c.onpointerdown=()=>addEventListener("pointerup",()=>b.append(c),{once:true})</script>', async (page) => { await page.click('#s'); await drag(page, '#c', 0, 70) }],
  'a card in a dialog that is drawn again in another column': ['<div role=dialog><div id=a style="height:60px;user-select:none"><div id=c>card</div></div><div id=b style="height:60px"></div></div><script>c.onpointerdown=()=>addEventListener("pointerup",()=>{c.remove();b.innerHTML="<div>card</div>"},{once:true})</script>', (page) => drag(page, '#c', 0, 70)],
  'a card that is a link, drawn again in another column': ['<div id=a style="height:60px;user-select:none"><a id=c href=#x draggable=false>card</a></div><div id=b style="height:60px"></div><script>c.onpointerdown=()=>addEventListener("pointerup",()=>{c.remove();b.innerHTML="<a>card</a>"},{once:true})</script>', (page) => drag(page, '#c', 0, 70)],
  'a list that is sorted by drag and drop, let go outside of it': ['<ul id=l><li draggable=true>one<li draggable=true>two<li draggable=true>three</ul><p style="height:90px">text</p><script>let d;l.ondragstart=e=>d=e.target;l.ondragover=e=>{e.preventDefault();const t=e.target.closest("li");if(t&&t!==d)t.after(d)};l.ondragend=()=>{document.title="done"}</script>', async (page) => {
    const { x, y } = await page.locator('#l li').first().boundingBox()
    await page.mouse.move(x + 5, y + 5)
    await page.mouse.down()
    for (const down of [25, 45, 120]) await page.mouse.move(x + 5, y + down, { steps: 5 })
    await page.mouse.up()
    await page.waitForFunction(() => document.title === 'done')
  }],
  'a field of a form that is saved, outside of it': ['<form id=f></form><input id=s form=f>', press('x'), () => window.headcount.saved(document.querySelector('#f'))],
  'a step of a form that is saved, after it is gone': ['<form id=f><input id=s><button type=button id=n onclick="s.remove()">Next</button></form>', async (page) => { await press('x')(page); await page.click('#n') }, () => window.headcount.saved(document.querySelector('#f'))],
  'a field in a frame that is saved': ['<iframe srcdoc="<input>"></iframe>', (page) => page.frameLocator('iframe').locator('input').pressSequentially('x'), () => window.headcount.saved(document.querySelector('iframe'))],
  'the first key in a grid': ['<table role=grid><tr><td role=gridcell id=s tabindex=0>1<td role=gridcell tabindex=-1>2</table><script>s.onkeydown=e=>{if(e.key.length===1){s.textContent=e.key;e.preventDefault()}}</script>', press('7')],
  'the first key in a combobox without a field': ['<div id=s role=combobox tabindex=0>red</div><script>s.onkeydown=e=>{if(e.key==="ArrowDown"){s.textContent="blue";e.preventDefault()}}</script>', press('ArrowDown')],
  'a choice beside a combobox': [BESIDE, async (page) => { await page.click('#s'); await ready(page); await page.click('#o') }],
  'a choice beside a combobox that was pressed beside its field': [BESIDE, async (page) => { await page.click('#b'); await ready(page); await page.click('#o') }],
  'a choice by keys beside a combobox': [BESIDE, async (page) => { await page.focus('#s'); await page.keyboard.press('ArrowDown'); await ready(page); await page.keyboard.press('Enter') }],
  'a choice beside a combobox that shows nothing yet': [BESIDE.replace('>red</b>', '></b>'), async (page) => { await page.click('#s'); await ready(page); await page.click('#o') }],
  'a box that its row checks': [ROWS, click('#r')],
  'a switch whose box is set by a click beside it': ['<div id=r style="width:60px;height:20px"><input id=c type=checkbox role=switch aria-checked=false style="opacity:0;width:0;height:0"><span>o</span></div><script>r.onclick=v=>{v.preventDefault();c.checked=true;c.ariaChecked=true}</script>', click('#r')],
  'a choice in a list without roles': ['<div id=s tabindex=0>red</div><div onmousedown="event.preventDefault()"><p id=o onclick="s.textContent=\'blue\'">blue</p></div>', click('#s', '#o')],
  'days of a range that is opened beside its fields': [`<div id=b><span><input id=f></span><i id=s>to</i><span><input></span></div><div onmousedown="event.preventDefault()"><p id=o onclick="f.value='5'">5</p></div>
    <script>b.onmousedown=v=>{if(v.target===s){v.preventDefault();f.focus()}}</script>`, click('#s', '#o')],
  'a box in a cell that a key checks': ['<div role=grid><div role=row><div role=gridcell id=s tabindex=0><input type=checkbox id=c tabindex=-1></div></div></div><script>s.onkeydown=e=>{if(e.key===" "){e.preventDefault();c.checked=true}}</script>', press(' ')],
  'a box that its grid draws again': ['<div id=f><input id=s type=checkbox role=checkbox aria-checked=false></div><script>s.onclick=()=>setTimeout(()=>{f.innerHTML="<input type=checkbox role=checkbox aria-checked=true checked>";document.title="done"})</script>', async (page) => {
    await page.click('#s')
    await page.waitForFunction(() => document.title === 'done')
  }],
  'an option whose list is hidden when it is pressed': ['<ul role=listbox id=u><li role=option id=o>blue</ul><script>o.onmousedown=()=>{u.style.display="none"}</script>', click('#o')],
  'an option that an arrow key selects': [`<div role=listbox><div role=option id=s tabindex=0 aria-selected=true>a</div><div role=option id=o tabindex=-1 aria-selected=false>b</div></div><script>
    s.onkeydown=e=>{if(e.key==="ArrowDown"){e.preventDefault();s.ariaSelected=false;o.ariaSelected=true;o.focus()}}</script>`, press('ArrowDown')],
  'one letter in an editor whose value is late': [`<x-editor id=s contenteditable>doc</x-editor><script>customElements.define("x-editor",class extends HTMLElement{value="doc";defaultValue="doc"})</script>`, press('x')],
  'a list sorted by keys': ['<ul><li id=s tabindex=0>a<li tabindex=-1>b<li tabindex=-1>c</ul><script>s.onkeydown=e=>{if(e.altKey&&e.key==="ArrowDown"&&s.nextElementSibling){s.nextElementSibling.after(s);s.focus();e.preventDefault()}}</script>', press('Alt+ArrowDown')],
}

/** Its page says that it is saved, and takes it away. */
const SENT = '<div id=f><input id=s><button id=n onclick="headcount.saved();f.remove()">Send</button></div>'

/** What does not. */
const LOOKS = {
  'a checkbox put back': ['<input type=checkbox id=s>', click('#s', '#s')],
  'a select put back': ['<select id=s><option>a<option>b</select>', press('ArrowDown', 'ArrowUp')],
  'a range put back': ['<input type=range id=s>', press('ArrowRight', 'ArrowLeft')],
  'a text taken back later': ['<input id=s><button id=n>x</button>', async (page) => { await press('x')(page); await page.click('#n'); await press('Backspace')(page); await page.click('#n') }],
  'a carousel': ['<div style="user-select:none;touch-action:pan-y"><div id=tr style="display:flex"><div id=s>1</div><div>2</div><div>3</div></div></div><script>tr.onpointerdown=()=>addEventListener("pointerup",()=>tr.append(tr.firstElementChild),{once:true})</script>', (page) => drag(page, '#s', 80, 0)],
  'a map made of tiles': ['<div id=m style="cursor:grab;user-select:none;width:200px;height:100px"><div id=ly><div style="height:100px">t</div></div></div><script>m.onpointermove=e=>{if(e.buttons)ly.innerHTML="<div style=\\"height:100px\\">u</div>"}</script>', (page) => drag(page, '#m', 60, 0)],
  'a feed that grows': ['<div id=v style="user-select:none;height:60px;overflow:auto"><div id=f><p id=s>msg</p></div></div><script>v.onpointermove=e=>{if(e.buttons)f.append(document.createElement("p"))}</script>', (page) => drag(page, '#s', 0, 40)],
  'a film that is sought by its range': ['<div><video></video><div><input type=range id=s></div></div>', press('ArrowRight')],
  'a banner that is accepted by a hand that shakes': ['<div id=f><p>Cookies?</p><button id=n onclick="f.remove()">Accept</button></div>', (page) => drag(page, '#n', 6, 0)],
  'a notice that is wiped away': ['<div role=status id=s style="width:200px;user-select:none">Sent</div><script>s.onpointerdown=()=>addEventListener("pointerup",()=>s.remove(),{once:true})</script>', (page) => drag(page, '#s', 80, 0)],
  'a list of options that keys go through': [LIST, async (page) => { await page.click('#s'); await page.keyboard.press('ArrowDown'); await page.keyboard.press('Escape') }],
  'cells that keys go through': ['<table role=grid><tr><td role=gridcell id=s tabindex=-1>1<td role=gridcell id=o tabindex=-1>2</table><script>s.onfocus=()=>{s.ariaSelected=true};s.onkeydown=e=>{e.preventDefault();s.removeAttribute("aria-selected");o.ariaSelected=true;o.focus()}</script>', press('ArrowRight')],
  'the list of a combobox that is opened and left': [BESIDE, async (page) => { await page.click('#s'); await ready(page); await page.keyboard.press('Escape'); await page.click('h1') }],
  'the list of a combobox that is part of it, opened and left': [BESIDE.replace('</b></div>', '</b>').replace('</p></div>', '</p></div></div>'), async (page) => { await page.click('#s'); await ready(page); await page.keyboard.press('Escape'); await page.click('h1') }],
  'what a combobox shows, chosen once more': [BESIDE, async (page) => { await page.click('#s'); await ready(page); await page.click('#same') }],
  'a text beside a combobox that something else changes': [`${BESIDE}<button id=n onclick="v.textContent='2'">Add</button>`, async (page) => { await page.focus('#s'); await page.keyboard.press('Shift'); await ready(page); await page.click('#n') }],
  'a log that goes on while something else is clicked': ['<div id=s tabindex=0>one</div><button id=n onclick="s.append(\' two\')">More</button>', click('#s', '#n')],
  'a box that is looked at in its row': ['<ul><li id=r>one <input type=checkbox></ul>', click('#r')],
  'a menu that shows another view': ['<div role=menu><div role=menuitemradio aria-checked=false id=s onclick="s.ariaChecked=true">List</div></div>', click('#s')],
  'tabs that are looked at by keys': ['<div role=tablist><span id=s role=tab tabindex=0 aria-selected=true>1</span> <span id=o role=tab tabindex=-1 aria-selected=false>2</span></div><p id=p>one</p><script>s.onkeydown=e=>{s.ariaSelected=false;s.tabIndex=-1;o.ariaSelected=true;o.tabIndex=0;o.focus();p.textContent="two";e.preventDefault()}</script>', press('ArrowRight')],
  'a menu that is opened by a key': ['<div id=s role=button tabindex=0 aria-expanded=false>Menu</div><script>s.onkeydown=e=>{s.ariaExpanded=true;s.append(" (open)");s.insertAdjacentHTML("afterend","<ul role=menu><li role=menuitem>Copy</ul>");e.preventDefault()}</script>', press('Enter')],
  'a tree that is opened by a key': ['<ul role=tree><li id=s role=treeitem tabindex=0 aria-expanded=false>one</ul><script>s.onkeydown=e=>{s.ariaExpanded=true;s.insertAdjacentHTML("beforeend","<ul role=group><li role=treeitem>two</ul>");e.preventDefault()}</script>', press('ArrowRight')],
  'a carousel that is turned by keys': ['<div id=s tabindex=0 role=group aria-roledescription=carousel><div>1</div><div>2</div><div>3</div></div><script>s.onkeydown=e=>{s.append(s.firstElementChild);e.preventDefault()}</script>', press('ArrowRight')],
  'a button that is gone once its form is saved': [SENT, async (page) => { await press('x')(page); await page.click('#n') }],
  'a button that was pressed by a hand that shakes': [SENT, async (page) => { await press('x')(page); await drag(page, '#n', 6, 0) }],
}

hold(WORK)
pass(LOOKS)
