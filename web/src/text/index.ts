import { en } from './en'

/** Every sentence of the interface. A further language is a second object of this shape. */
export const text = en
