package transfer

import (
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// forbidden is a word that imports refuse anywhere, even in a value. Exports
// spell it in a way that can be imported again.
const forbidden = "set_config"

// mentionsForbidden reports whether the word is in s, in any case.
func mentionsForbidden(s string) bool { return indexForbidden(s) >= 0 }

func indexForbidden(s string) int {
	const before = len("set")
	for from := before; from < len(s); {
		i := strings.IndexByte(s[from:], forbidden[before])
		if i < 0 {
			return -1
		}
		start := from + i - before
		if end := start + len(forbidden); start >= 0 && end <= len(s) && strings.EqualFold(s[start:end], forbidden) {
			return start
		}
		from += i + 1
	}
	return -1
}

// respell replaces the word's underscore by other.
func respell(s, other string) string {
	for i := indexForbidden(s); i >= 0; i = indexForbidden(s) {
		i += len("set")
		s = s[:i] + other + s[i+1:]
	}
	return s
}

// literal returns s as a string constant that imports accept.
func literal(s string) string {
	if !mentionsForbidden(s) {
		return quote.Literal(s)
	}
	return respell(quote.Escaped(s), `\x5f`)
}

// importable returns a statement that has the same effect as sql and that
// imports accept.
func importable(sql string) string {
	if !mentionsForbidden(sql) {
		return sql
	}
	return "DO " + quoteBody("\nBEGIN\n  EXECUTE "+literal(sql)+";\nEND\n")
}

// unlessThere gives a statement the effect of IF NOT EXISTS, for those that
// lack it.
func unlessThere(statement string) string {
	return "DO " + quoteBody("\nBEGIN\n  "+statement+";\nEXCEPTION WHEN duplicate_object OR duplicate_table THEN NULL;\nEND\n")
}

// quoteBody returns body as a dollar-quoted constant.
func quoteBody(body string) string {
	tag := "$export"
	for strings.Contains(body, tag) {
		tag += "x"
	}
	return tag + "$" + body + tag + "$"
}

// comment makes text safe after "--".
func comment(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
}

// shown is a name of a file for a message: only its beginning when it is longer
// than any name in Postgres.
func shown(name string) string {
	if len(name) <= naming.MaxBytes {
		return name
	}
	return strings.ToValidUTF8(name[:naming.MaxBytes], "") + "…"
}

// count is a number of things, in English.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.FormatInt(n, 10) + " " + thing + "s"
}

// appendTuple appends a row for VALUES.
func appendTuple(b []byte, fields []pgconn.FieldDescription, row [][]byte) []byte {
	b = append(b, '(')
	for i, v := range row {
		if i > 0 {
			b = append(b, ", "...)
		}
		switch {
		case v == nil:
			b = append(b, "NULL"...)
		case isInteger(fields[i].DataTypeOID):
			b = append(b, v...)
		default:
			b = append(b, literal(string(v))...)
		}
	}
	return append(b, ')')
}

func isInteger(oid uint32) bool {
	return oid == pgtype.Int2OID || oid == pgtype.Int4OID || oid == pgtype.Int8OID
}

// appendInside appends s as the inside of a JSON string.
func appendInside(b []byte, s string) []byte {
	start := len(b)
	b = values.AppendString(b, s)
	n := copy(b[start:], b[start+1:len(b)-1])
	return b[:start+n]
}
