/** Converts bytes to data: URLs with complete media types. */

/** Returns a data: URL of bytes or base64 text. */
export function mediaUrl(data: Uint8Array | string, mediaType: string): string {
  return `data:${wholeMediaType(data, mediaType)};base64,${typeof data === 'string' ? data : base64Of(data)}`
}

/** In slices, because the arguments of a call are on the stack. */
export function base64Of(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(binary)
}

/**
 * File signatures by kind, as Latin-1 text; a dot is any byte. The first of a kind is the default for unknown files.
 */
const beginnings: ReadonlyArray<readonly [type: string, beginning: RegExp]> = [
  ['image/png', /^\x89PNG/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8/],
  ['image/webp', /^RIFF....WEBP/s],
  ['image/avif', /^....ftypavif/s],
  ['audio/wav', /^RIFF....WAVE/s],
  ['audio/mpeg', /^(ID3|\xff[\xe0-\xff])/],
  ['audio/ogg', /^OggS/],
  ['audio/flac', /^fLaC/],
  ['video/mp4', /^....ftyp/s],
  ['video/webm', /^\x1aE\xdf\xa3/],
  ['application/pdf', /^%PDF/],
  ['text/plain', /^$/],
]

/** `image` and `image/*` are incomplete media types, which services reject; the file signature completes them. */
export function wholeMediaType(data: Uint8Array | string, mediaType: string): string {
  const [kind = '', rest = '*'] = mediaType.split('/')
  if (rest !== '*' && rest !== '') return mediaType
  const head = typeof data === 'string' ? latinOf(data) : String.fromCharCode(...data.subarray(0, 16))
  const ofKind = beginnings.filter(([type]) => kind === '*' || kind === '' || type.startsWith(`${kind}/`))
  return (ofKind.find(([, beginning]) => beginning.test(head)) ?? ofKind[0] ?? ['application/octet-stream'])[0]
}

function latinOf(base64: string): string {
  try {
    return atob(base64.slice(0, 24))
  } catch {
    return ''
  }
}
