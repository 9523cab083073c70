// Package quote writes names and strings as SQL text, for the places where
// Postgres takes no parameter: names anywhere, and constants in statements
// that define something.
//
// What it writes means the same under every setting of the session, and it does
// no I/O, so code that only computes SQL may use it. A value that can be a
// parameter should be one.
package quote

import "strings"

// Identifier returns a name in quotes, its parts joined by dots:
// Identifier("public", "Order") is "public"."Order". Zero bytes, which no name
// can hold, are left out.
func Identifier(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		WriteIdentifier(&b, part)
	}
	return b.String()
}

// Identifiers returns names in quotes, separated by commas.
func Identifiers(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		WriteIdentifier(&b, name)
	}
	return b.String()
}

// WriteIdentifier appends to b what Identifier returns for one part.
func WriteIdentifier(b *strings.Builder, name string) {
	b.WriteByte('"')
	b.WriteString(strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`))
	b.WriteByte('"')
}

// Literal returns s as a string constant. One with a backslash is written as
// E'…', since a plain constant with one depends on standard_conforming_strings;
// the character before it must not be a letter. Callers refuse zero bytes,
// which Postgres cannot store.
func Literal(s string) string {
	if strings.Contains(s, `\`) {
		return Escaped(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// escapes doubles backslashes and quotes. A quote is not written as \', which
// backslash_quote may forbid.
var escapes = strings.NewReplacer(`\`, `\\`, `'`, `''`)

// Escaped is Literal, always in the form E'…', for callers that add their own
// escapes.
func Escaped(s string) string { return "E'" + escapes.Replace(s) + "'" }
