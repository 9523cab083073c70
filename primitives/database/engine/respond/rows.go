package respond

import (
	"slices"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Object identifiers of the built-in types that JSON treats specially.
const (
	oidBool, oidInt8, oidInt2, oidInt4   = 16, 20, 21, 23
	oidUUID                              = 2950
	oidFloat4, oidFloat8, oidNumeric     = 700, 701, 1700
	oidJSON, oidJSONB                    = 114, 3802
	oidDate, oidTimestamp, oidTimestampZ = 1082, 1114, 1184
	firstUserOID                         = 16384
)

// quotedTypes are the built-in types whose JSON is their text in quotes.
var quotedTypes = []uint32{
	17, 18, 19, 24, 25, 26, 27, 28, 29, 142, 602, 650, 603, 600, 601, 604, 628, 718, 774, 790, 829, 869,
	1042, 1043, 1083, 1186, 1266, 1560, 1562, 2202, 2203, 2204, 2205, 2206, 2950, 2970, 3220, 3614, 3615, 3642,
	3734, 3769, 3904, 3906, 3908, 3910, 3912, 3926, 4072, 4089, 4096, 4191, 4451, 4532, 4533, 4534, 4535, 4536, 5038, 5069,
}

type encoding uint8

const (
	asText encoding = iota
	asIs
	asNumber
	asBool
	asTime
	// of values in binary form
	asBinaryBool
	asBinaryInt
	asBinaryUUID
	asBinaryDate
	asBinaryTimestamp
	asBinaryTimestampUTC
)

// RowWriter appends rows as JSON objects. The bytes are those of row_to_json.
type RowWriter struct {
	keys      [][]byte
	encodings []encoding
}

// NewRowWriter returns a writer for rows of the given columns, whose values are
// text, or binary where the field's format says so and ResultFormats allows it.
// exact is false when the JSON of a column cannot be made from its text alone
// (arrays, composites, types with a cast to json): it would be written as a
// string. isPlain is asked about types that users made.
func NewRowWriter(fields []pgconn.FieldDescription, isPlain func(oid uint32) bool) (w *RowWriter, exact bool) {
	w = &RowWriter{keys: make([][]byte, len(fields)), encodings: make([]encoding, len(fields))}
	exact = true
	for i, f := range fields {
		e, ok := encodingOf(f.DataTypeOID, isPlain)
		if f.Format == pgx.BinaryFormatCode {
			e = binaryEncodingOf(f.DataTypeOID)
		}
		exact = exact && ok
		w.encodings[i] = e
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		w.keys[i] = append(request.AppendString(key, f.Name), ':')
	}
	return w, exact
}

func encodingOf(oid uint32, isPlain func(uint32) bool) (encoding, bool) {
	switch oid {
	case oidInt2, oidInt4, oidInt8, oidJSON, oidJSONB:
		return asIs, true
	case oidFloat4, oidFloat8, oidNumeric:
		return asNumber, true
	case oidBool:
		return asBool, true
	case oidDate, oidTimestamp, oidTimestampZ:
		return asTime, true
	}
	if oid >= firstUserOID {
		return asText, isPlain(oid)
	}
	return asText, slices.Contains(quotedTypes, oid)
}

// Append appends one row to b. A nil value is null.
func (w *RowWriter) Append(b []byte, values [][]byte) []byte {
	if len(values) == 0 {
		return append(b, "{}"...)
	}
	for i, v := range values {
		b = append(b, w.keys[i]...)
		if v == nil {
			b = append(b, "null"...)
			continue
		}
		switch w.encodings[i] {
		case asIs:
			b = append(b, v...)
		case asNumber:
			b = appendNumber(b, v)
		case asBool:
			if v[0] == 't' {
				b = append(b, "true"...)
			} else {
				b = append(b, "false"...)
			}
		case asTime:
			b = appendTime(b, v)
		case asBinaryBool, asBinaryInt, asBinaryUUID, asBinaryDate, asBinaryTimestamp, asBinaryTimestampUTC:
			b = appendBinary(b, w.encodings[i], v)
		default:
			b = request.AppendString(b, v)
		}
	}
	return append(b, '}')
}

// appendNumber quotes NaN and the infinities, which JSON does not have.
func appendNumber(b, v []byte) []byte {
	digit := v[0]
	if digit == '-' && len(v) > 1 {
		digit = v[1]
	}
	if digit >= '0' && digit <= '9' {
		return append(b, v...)
	}
	return append(append(append(b, '"'), v...), '"')
}

// appendTime turns Postgres's ISO text into the form of XML Schema, which its
// JSON functions use: T between date and time, minutes in every zone offset.
func appendTime(b, v []byte) []byte {
	b = append(b, '"')
	date, rest, ok := cut(v, ' ')
	b = append(b, date...)
	if !ok || rest[0] < '0' || rest[0] > '9' {
		if ok { // "0044-03-15 BC"
			b = append(append(b, ' '), rest...)
		}
		return append(b, '"')
	}
	b = append(b, 'T')
	clock, era, hasEra := cut(rest, ' ')
	b = append(b, clock...)
	if i := slices.IndexFunc(clock, func(c byte) bool { return c == '+' || c == '-' }); i >= 0 && len(clock)-i == 3 {
		b = append(b, ":00"...)
	}
	if hasEra {
		b = append(append(b, ' '), era...)
	}
	return append(b, '"')
}

func cut(v []byte, c byte) (before, after []byte, found bool) {
	if i := slices.Index(v, c); i >= 0 && i+1 < len(v) {
		return v[:i], v[i+1:], true
	}
	return v, nil, false
}
