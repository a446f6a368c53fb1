/** When the server welcomed this tab, milliseconds since the Unix epoch. */
export const useWelcomedAt = () => useState<number | null>('welcomed-at', () => null)
