/** A name that makes a certificate one that nodes can't load. */
export const poisonName = 'poison.invalid';
