/** What a refresh of the standby Region refuses or gives way to, as a closed family: its machine is answered these by `name`. */

/** There is nothing to refresh in this Region, or nothing to refresh it to; nothing was changed. */
export class NoStandbyError extends Error {
  override readonly name = 'NoStandbyError';
}

/** Something newer decides what runs here: another release is live by now, or this Region has become home. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
}
