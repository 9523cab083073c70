package sqlgen

import (
	"strings"
	"unicode"
)

// typeName writes the type of a cast. It comes from the request and may hold
// letters, digits, blanks, '_' and '$'. What SQL's grammar spells as keywords
// is written as such, anything else as one quoted identifier in lower case,
// which is how Postgres itself reads a name without quotes. So text that is
// not a type is refused as an unknown one, whatever it would do as SQL.
func (w *writer) typeName(name string) {
	name = foldName(name)
	if words := strings.Join(strings.Fields(name), " "); isGrammarType(words) {
		w.s(words)
		return
	}
	w.ident(name)
}

// foldName makes ASCII letters lower case. Postgres leaves others alone.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return r
		}
		return unicode.ToLower(r)
	}, name)
}

// isGrammarType reports whether SQL spells a type so. Quoted, these names would be
// other types or none. An array of one has the word array after it.
func isGrammarType(words string) bool {
	words = strings.TrimSuffix(words, " array")
	switch words {
	case "bigint", "bit", "bit varying", "boolean", "char", "char varying", "character", "character varying", "dec", "decimal",
		"double precision", "float", "int", "integer", "national char", "national char varying", "national character",
		"national character varying", "nchar", "nchar varying", "numeric", "real", "smallint", "varchar",
		"time", "time with time zone", "time without time zone",
		"timestamp", "timestamp with time zone", "timestamp without time zone":
		return true
	}
	unit, ok := strings.CutPrefix(words, "interval")
	if !ok {
		return false
	}
	switch unit {
	case "", " year", " month", " day", " hour", " minute", " second", " year to month", " day to hour", " day to minute", " day to second",
		" hour to minute", " hour to second", " minute to second":
		return true
	}
	return false
}
