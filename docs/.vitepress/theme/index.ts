import DefaultTheme from 'vitepress/theme'

import './board.css'

export default DefaultTheme
