// What the page reports to a person in one line.

/** Anything below. */
export class EdgeError extends Error {}

/** The file is not a bundle, is damaged, is newer than this page, or needs what a browser lacks. */
export class BundleError extends EdgeError {}

/** The raw input cannot be read: empty, of another shape, of the wrong type. */
export class InputError extends EdgeError {}
