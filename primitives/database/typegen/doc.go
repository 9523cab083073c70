// Package typegen describes a database's schemas as TypeScript: what
// "insforge gen types typescript" prints.
//
// The file that it makes has the shape that the generics of
// @supabase/postgrest-js read, which @insforge/sdk is built on: for each schema
// its Tables, Views, Functions, Enums and CompositeTypes, with a Row as the
// record layer answers it, an Insert and an Update as it takes them, and the
// relationships by which rows can be embedded. Types follow the JSON that the
// record layer writes: int8 and numeric are numbers, dates and intervals are
// strings, and a type with a cast to json is Json.
//
// It only reads the catalog, owns no table and mounts no route. The same
// database gives the same text, byte for byte, in whatever order its objects
// were made.
package typegen
