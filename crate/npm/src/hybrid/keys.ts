/** The two keys of the common case, with the names of genkit_hybrid. */

/** The branch on the visitor's own device. */
export const kOnDevice = 'onDevice'

/** The branch in the cloud. */
export const kCloud = 'cloud'
