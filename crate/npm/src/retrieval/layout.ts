/** Names in the origin private file system: `hybridge-retrieval/<store>/<generation>.store`. */

export const rootFolder = 'hybridge-retrieval'

/** Returns the folder name for a store's name. */
export const folderName = (name: string): string => encodeURIComponent(name).replace(/\./g, '%2E').replace(/\*/g, '%2A')

export function nameOf(folder: string): string {
  try {
    return decodeURIComponent(folder)
  } catch {
    return folder
  }
}

/** The lock under which one tab at a time uses a store, and the channel on which other tabs request it. */
export const lockName = (name: string): string => `hybridge-retrieval:${name}`
