package rest

import (
	"bytes"
	"strconv"
	"unicode/utf16"
)

// LoneSurrogate returns the first escape in JSON text that is half of a
// surrogate pair, such as \ud800, without the other half; "" when there is
// none. Such a string is not text: Postgres refuses it, and encoding/json
// would silently put another character in its place.
func LoneSurrogate(raw []byte) string {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return ""
		}
		raw = raw[i:]
		r := escaped(raw)
		switch {
		case r < 0:
			raw = raw[min(2, len(raw)):]
		case !utf16.IsSurrogate(r):
			raw = raw[6:]
		case utf16.DecodeRune(r, escaped(raw[6:])) == '\ufffd':
			return string(raw[:6])
		default:
			raw = raw[12:]
		}
	}
}

// escaped returns the value of \uXXXX at the beginning of raw, or -1 when raw
// does not begin with one.
func escaped(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
