package values

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// What Text returns for values that Postgres cannot hold, or would read as
// something other than what was meant.
var (
	ErrNUL      = errors.New("text must not contain NUL characters")
	ErrNotBytes = errors.New(`bytes are text in Postgres's notation or {"type":"Buffer","data":[…]}`)
)

// Type is the type of a column: its base type where it is a domain.
type Type struct {
	OID uint32
	// Element is the type of an array's elements, 0 for other types.
	Element uint32
}

// JSON reports whether values of the type are JSON themselves.
func (t Type) JSON() bool { return t.OID == pgtype.JSONOID || t.OID == pgtype.JSONBOID }

// Text returns what Postgres reads as the JSON value raw in a column of type
// t, nil for null. raw must be valid JSON.
//
// Strings are taken as Postgres's own notation, in columns of JSON as JSON
// text. Arrays of JSON fit arrays of Postgres; the objects that AppendJSON
// makes of bytea, interval and point are understood; any other array or
// object is handed over as its text, which the type takes (vector) or refuses.
//
// It returns ErrNUL for a string with a NUL character, and ErrNotBytes for an
// array or another object where bytea is wanted, which would store its text.
func Text(t Type, raw json.RawMessage) (*string, error) {
	raw = bytes.TrimSpace(raw)
	var text string
	var err error
	switch {
	case string(raw) == "null":
		return nil, nil
	case raw[0] == '"':
		text, err = stringText(t, raw)
	case t.JSON():
		text = string(raw)
	case raw[0] == '[' && t.Element != 0:
		text, err = arrayText(t, raw)
	case t.OID == pgtype.ByteaOID && (raw[0] == '{' || raw[0] == '['):
		text, err = bytesText(raw)
	case raw[0] == '{':
		text = objectText(t, raw)
	default:
		text = string(raw)
	}
	if err != nil {
		return nil, err
	}
	return &text, nil
}

func stringText(t Type, raw json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if strings.ContainsRune(s, 0) {
		return "", ErrNUL
	}
	// A grid shows an array as JSON, and sends its text when it was edited.
	if t.Element != 0 && strings.HasPrefix(s, "[") && json.Valid([]byte(s)) {
		return arrayText(t, json.RawMessage(s))
	}
	return s, nil
}

func arrayText(t Type, raw json.RawMessage) (string, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return "", err
	}
	element := Type{OID: t.Element}
	var out strings.Builder
	out.WriteByte('{')
	for i, e := range elements {
		if i > 0 {
			out.WriteByte(',')
		}
		if e[0] == '[' && !element.JSON() { // one more dimension
			nested, err := arrayText(t, e)
			if err != nil {
				return "", err
			}
			out.WriteString(nested)
			continue
		}
		text, err := Text(element, e)
		if err != nil {
			return "", err
		}
		if text == nil {
			out.WriteString("NULL")
			continue
		}
		out.WriteByte('"')
		out.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(*text))
		out.WriteByte('"')
	}
	out.WriteByte('}')
	return out.String(), nil
}

// objectText reads an object in one of the forms of AppendJSON.
func objectText(t Type, raw json.RawMessage) string {
	switch t.OID {
	case pgtype.PointOID:
		var point struct{ X, Y json.Number }
		if json.Unmarshal(raw, &point) == nil && point.X != "" && point.Y != "" {
			return "(" + point.X.String() + "," + point.Y.String() + ")"
		}
	case pgtype.IntervalOID:
		if text, ok := intervalText(raw); ok {
			return text
		}
	}
	return string(raw)
}

// bytesText reads a buffer of Node.js.
func bytesText(raw json.RawMessage) (string, error) {
	var buffer struct {
		Type string
		Data []octet
	}
	if json.Unmarshal(raw, &buffer) != nil || buffer.Type != "Buffer" {
		return "", ErrNotBytes
	}
	return `\x` + hex.EncodeToString(toBytes(buffer.Data)), nil
}

// octet is a byte of a list: encoding/json reads a []byte from base64.
type octet uint8

func toBytes(list []octet) []byte {
	out := make([]byte, len(list))
	for i, b := range list {
		out[i] = byte(b)
	}
	return out
}

func intervalText(raw json.RawMessage) (string, bool) {
	var parts map[string]json.Number
	if json.Unmarshal(raw, &parts) != nil {
		return "", false
	}
	units := []string{"years", "months", "days", "hours", "minutes", "seconds", "milliseconds"}
	var words []string
	for _, unit := range units {
		if n, ok := parts[unit]; ok {
			words = append(words, n.String()+" "+unit)
			delete(parts, unit)
		}
	}
	return cmp.Or(strings.Join(words, " "), "0 days"), len(parts) == 0
}
