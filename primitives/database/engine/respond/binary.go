package respond

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Printing a timestamp, a UUID or an integer costs Postgres more than sending
// it in binary, and costs us less to write than to read its text.

// ResultFormats returns, for each column, the format in which RowWriter takes
// it with the least work. utc reports whether the session's time zone is UTC:
// timestamps with time zone are text otherwise, because Postgres knows the zone.
func ResultFormats(fields []pgconn.FieldDescription, utc bool) []int16 {
	formats := make([]int16, len(fields))
	for i, f := range fields {
		e := binaryEncodingOf(f.DataTypeOID)
		if e != asText && (utc || e != asBinaryTimestampUTC) {
			formats[i] = pgx.BinaryFormatCode
		}
	}
	return formats
}

// binaryEncodingOf returns asText for types that are not taken in binary form.
func binaryEncodingOf(oid uint32) encoding {
	switch oid {
	case oidBool:
		return asBinaryBool
	case oidInt2, oidInt4, oidInt8:
		return asBinaryInt
	case oidUUID:
		return asBinaryUUID
	case oidDate:
		return asBinaryDate
	case oidTimestamp:
		return asBinaryTimestamp
	case oidTimestampZ:
		return asBinaryTimestampUTC
	}
	return asText
}

// appendBinary appends a value in the form of PostgreSQL's send functions.
func appendBinary(b []byte, e encoding, v []byte) []byte {
	switch e {
	case asBinaryBool:
		return strconv.AppendBool(b, v[0] != 0)
	case asBinaryInt:
		return strconv.AppendInt(b, integer(v), 10)
	case asBinaryUUID:
		return appendUUID(b, v)
	case asBinaryDate:
		return appendDate(b, integer(v))
	}
	return appendTimestamp(b, integer(v), e == asBinaryTimestampUTC)
}

// integer reads a signed integer of 2, 4 or 8 bytes, in network order.
func integer(v []byte) int64 {
	switch len(v) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	}
	return int64(binary.BigEndian.Uint64(v))
}

func appendUUID(b, v []byte) []byte {
	b = append(b, '"')
	b = append(hex.AppendEncode(b, v[:4]), '-')
	b = append(hex.AppendEncode(b, v[4:6]), '-')
	b = append(hex.AppendEncode(b, v[6:8]), '-')
	b = append(hex.AppendEncode(b, v[8:10]), '-')
	return append(hex.AppendEncode(b, v[10:]), '"')
}

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 24 * 60 * 60 * microsPerSecond
	infinity        = `"infinity"`
	minusInfinity   = `"-infinity"`
)

// appendDate appends the date that is days after 2000-01-01.
func appendDate(b []byte, days int64) []byte {
	switch days {
	case math.MaxInt32:
		return append(b, infinity...)
	case math.MinInt32:
		return append(b, minusInfinity...)
	}
	b, beforeChrist := appendDay(append(b, '"'), days)
	return endTime(b, beforeChrist)
}

// appendTimestamp appends the time that is micros after 2000-01-01, with the
// offset of UTC if there is a zone.
func appendTimestamp(b []byte, micros int64, zone bool) []byte {
	switch micros {
	case math.MaxInt64:
		return append(b, infinity...)
	case math.MinInt64:
		return append(b, minusInfinity...)
	}
	days, rest := micros/microsPerDay, micros%microsPerDay
	if rest < 0 {
		days, rest = days-1, rest+microsPerDay
	}
	b, beforeChrist := appendDay(append(b, '"'), days)
	seconds, fraction := int(rest/microsPerSecond), int(rest%microsPerSecond)
	b = appendPair(append(b, 'T'), seconds/3600)
	b = appendPair(append(b, ':'), seconds/60%60)
	b = appendPair(append(b, ':'), seconds%60)
	if fraction != 0 {
		b = append(b, '.')
		for unit := microsPerSecond / 10; fraction > 0; unit /= 10 {
			b = append(b, byte('0'+fraction/unit))
			fraction %= unit
		}
	}
	if zone {
		b = append(b, "+00:00"...)
	}
	return endTime(b, beforeChrist)
}

func endTime(b []byte, beforeChrist bool) []byte {
	if beforeChrist {
		b = append(b, " BC"...)
	}
	return append(b, '"')
}

// appendDay appends year, month and day in the Gregorian calendar, of which
// Postgres knows no other, days after 2000-01-01. Years before 1 are counted
// backwards.
func appendDay(b []byte, days int64) (_ []byte, beforeChrist bool) {
	const (
		daysPerEra  = 146097            // 400 years
		beforeEpoch = 5*daysPerEra - 60 // from 0000-03-01 to 2000-01-01
	)
	days += beforeEpoch
	era := days / daysPerEra
	if days < 0 {
		era = (days - daysPerEra + 1) / daysPerEra
	}
	day := days - era*daysPerEra // of the era, whose years begin in March
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153 // of the year, from March on
	day -= (153*month + 2) / 5
	year += era * 400
	if month += 3; month > 12 {
		month -= 12
		year++
	}
	if beforeChrist = year <= 0; beforeChrist {
		year = 1 - year
	}
	for limit := int64(1000); year < limit && limit > 1; limit /= 10 {
		b = append(b, '0')
	}
	b = strconv.AppendInt(b, year, 10)
	b = appendPair(append(b, '-'), int(month))
	return appendPair(append(b, '-'), int(day)+1), beforeChrist
}

// appendPair appends a number below 100 with two digits.
func appendPair(b []byte, n int) []byte {
	return append(b, byte('0'+n/10), byte('0'+n%10))
}
