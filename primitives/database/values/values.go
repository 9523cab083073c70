// Package values turns what Postgres prints into JSON, and JSON into what
// Postgres reads, for the routes whose rows come from the product's own SQL.
//
// The typing is the contract's: bigint, numeric and money are strings because
// JavaScript would round them, times are ISO 8601 in UTC with milliseconds,
// bytea, interval and point are objects, and a type without a rule is the
// text that Postgres prints. JSON from Postgres is passed on unchanged.
package values

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// Settings makes Postgres print values as this package reads them, until the
// end of the transaction. Columns must be asked for in text format.
const Settings = `SELECT set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true),
	set_config('timezone', 'UTC', true), set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)`

// Types of Postgres that pgtype has no name for.
const (
	moneyOID      = 790
	moneyArrayOID = 791
	charArrayOID  = 1014 // bpchar[]
	timetzArray   = 1270
)

// AppendJSON appends a value of the type oid to dst. text is what Postgres
// prints in text format under Settings, nil for null. Text that does not look
// like its type (printed under other settings) becomes a string.
func AppendJSON(dst []byte, oid uint32, text []byte) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	if element, ok := elementOf(oid); ok {
		if out, ok := appendArray(dst, element, string(text)); ok {
			return out
		}
		return AppendString(dst, string(text))
	}
	return appendScalar(dst, oid, string(text))
}

// elementOf maps the arrays that become JSON arrays to their elements.
func elementOf(oid uint32) (element uint32, ok bool) {
	switch oid {
	case pgtype.BoolArrayOID:
		return pgtype.BoolOID, true
	case pgtype.Int2ArrayOID, pgtype.Int4ArrayOID, pgtype.OIDArrayOID, pgtype.Float4ArrayOID, pgtype.Float8ArrayOID, pgtype.NumericArrayOID:
		return pgtype.Float8OID, true
	case pgtype.TimestampArrayOID, pgtype.DateArrayOID, pgtype.TimestamptzArrayOID:
		return pgtype.TimestamptzOID, true
	case pgtype.JSONArrayOID, pgtype.JSONBArrayOID:
		return pgtype.JSONOID, true
	case pgtype.ByteaArrayOID:
		return pgtype.ByteaOID, true
	case pgtype.PointArrayOID:
		return pgtype.PointOID, true
	case pgtype.IntervalArrayOID:
		return pgtype.IntervalOID, true
	case pgtype.Int8ArrayOID, pgtype.TextArrayOID, pgtype.VarcharArrayOID, pgtype.BPCharArrayOID, pgtype.UUIDArrayOID,
		pgtype.InetArrayOID, pgtype.CIDRArrayOID, pgtype.MacaddrArrayOID, pgtype.TimeArrayOID, pgtype.NumrangeArrayOID,
		moneyArrayOID, timetzArray:
		return pgtype.TextOID, true
	}
	return 0, false
}

func appendScalar(dst []byte, oid uint32, text string) []byte {
	out, ok := dst, false
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.OIDOID, pgtype.Float4OID, pgtype.Float8OID:
		out, ok = appendNumber(dst, text)
	case pgtype.BoolOID:
		if ok = text == "t" || text == "f"; ok {
			out = strconv.AppendBool(dst, text == "t")
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		out, ok = append(dst, text...), true
	case pgtype.TimestamptzOID, pgtype.TimestampOID, pgtype.DateOID:
		out, ok = appendTime(dst, text)
	case pgtype.IntervalOID:
		out, ok = appendInterval(dst, text)
	case pgtype.PointOID:
		out, ok = appendPoint(dst, text)
	case pgtype.ByteaOID:
		out, ok = appendBytes(dst, text)
	}
	if ok {
		return out
	}
	return AppendString(dst, text)
}

// appendNumber appends a number; JSON has none for NaN and the infinities.
func appendNumber(dst []byte, text string) ([]byte, bool) {
	switch text {
	case "NaN", "Infinity", "-Infinity":
		return append(dst, "null"...), true
	}
	if text == "" || !json.Valid([]byte(text)) || strings.ContainsAny(text[:1], `"[{tfn `) {
		return dst, false
	}
	return append(dst, text...), true
}

func appendPoint(dst []byte, text string) ([]byte, bool) {
	inner, open := strings.CutPrefix(text, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	x, y, pair := strings.Cut(inner, ",")
	if !open || !closed || !pair {
		return dst, false
	}
	out, ok := appendNumber(append(dst, `{"x":`...), x)
	if !ok {
		return dst, false
	}
	if out, ok = appendNumber(append(out, `,"y":`...), y); !ok {
		return dst, false
	}
	return append(out, '}'), true
}

// appendBytes appends bytea as Node.js spells a buffer.
func appendBytes(dst []byte, text string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(text, `\x`)
	if !ok {
		return dst, false
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return dst, false
	}
	dst = append(dst, `{"type":"Buffer","data":[`...)
	for i, b := range raw {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(b), 10)
	}
	return append(dst, "]}"...), true
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if b := s[i]; b < ' ' || b == '"' || b == '\\' || b >= 0x7f {
			return appendEscaped(dst, s)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, s string) []byte {
	var buffer bytes.Buffer
	e := json.NewEncoder(&buffer)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return append(dst, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}
