/**
 * Calls back when the page enters the browser's back/forward cache and when it is shown again.
 *
 * Browsers may refuse to cache a page that holds locks or a GPU, and its memory would be missing elsewhere. A page
 * that is merely hidden continues.
 */
export function watchPage({ leave, comeBack }: { leave: () => void; comeBack: () => void }): () => void {
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
