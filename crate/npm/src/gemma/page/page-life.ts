/**
 * Hears when the page goes into the browser's back/forward cache and when it comes back.
 *
 * Browsers may refuse to keep a page that holds locks or a GPU, and memory for a page that nobody sees is missing elsewhere.
 * A page that is merely hidden goes on.
 */
export function watchPage({ leave, comeBack }: { leave(): void; comeBack(): void }): () => void {
  if (typeof document === 'undefined') return () => {}
  const onHide = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) leave()
  }
  const onShow = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) comeBack()
  }
  addEventListener('pagehide', onHide)
  addEventListener('pageshow', onShow)
  return () => {
    removeEventListener('pagehide', onHide)
    removeEventListener('pageshow', onShow)
  }
}
