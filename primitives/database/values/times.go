package values

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxMillis is how far from 1970 a Date of JavaScript reaches.
const maxMillis = 8_640_000_000_000_000

// appendTime appends a date or timestamp ("2024-01-02 03:04:05.678901+00",
// "0044-03-15 BC") as ISO 8601 with milliseconds. Infinity has no such form
// and becomes null.
func appendTime(dst []byte, text string) ([]byte, bool) {
	if text == "infinity" || text == "-infinity" {
		return append(dst, "null"...), true
	}
	t, ok := parseTime(text)
	if millis := t.UnixMilli(); !ok || millis > maxMillis || millis < -maxMillis {
		return dst, false
	}
	year := fmt.Sprintf("%04d", t.Year())
	if t.Year() < 0 || t.Year() > 9999 { // the expanded years of ECMA-262
		year = fmt.Sprintf("%+07d", t.Year())
	}
	dst = append(append(dst, '"'), year...)
	return append(t.AppendFormat(dst, "-01-02T15:04:05.000Z"), '"'), true
}

// parseTime reads a timestamp in ISO style, truncated to milliseconds. Without
// a zone it is in UTC.
func parseTime(text string) (time.Time, bool) {
	text, before := strings.CutSuffix(text, " BC")
	date, clock, timed := strings.Cut(text, " ")
	parts := strings.Split(date, "-")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	n, ok := integers(parts)
	if !ok {
		return time.Time{}, false
	}
	if before {
		n[0] = 1 - n[0] // 1 BC is the year 0
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	if !timed {
		return t, true
	}
	zoneAt := strings.LastIndexAny(clock, "+-")
	if zoneAt < 0 {
		zoneAt = len(clock)
	}
	sinceMidnight, ok := parseClock(clock[:zoneAt])
	if !ok {
		return time.Time{}, false
	}
	if zoneAt == len(clock) {
		return t.Add(sinceMidnight), true
	}
	offset, ok := parseClock(clock[zoneAt+1:])
	if clock[zoneAt] == '-' {
		offset = -offset
	}
	return t.Add(sinceMidnight - offset), ok
}

// parseClock reads "03", "03:04", "03:04:05" or "03:04:05.678901"; anything
// below a millisecond is cut off.
func parseClock(text string) (time.Duration, bool) {
	text, fraction, _ := strings.Cut(text, ".")
	n, ok := integers(strings.Split(text, ":"))
	if !ok || len(n) > 3 {
		return 0, false
	}
	millis, err := strconv.Atoi((fraction + "000")[:3])
	if err != nil {
		return 0, false
	}
	d := time.Duration(millis) * time.Millisecond
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second}[:len(n)] {
		d += time.Duration(n[i]) * unit
	}
	return d, true
}

// appendInterval appends "1 year 2 mons -3 days 04:05:06.789" as an object of
// the parts that are not zero.
func appendInterval(dst []byte, text string) ([]byte, bool) {
	words := strings.Fields(text)
	out := append(dst, '{')
	add := func(name, value string) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(AppendString(out, name), ':')
		out = append(out, value...)
	}
	for len(words) >= 2 {
		name, ok := map[string]string{"year": "years", "mon": "months", "day": "days"}[strings.TrimSuffix(words[1], "s")]
		n, err := strconv.Atoi(words[0])
		if !ok || err != nil {
			return dst, false
		}
		if n != 0 {
			add(name, strconv.Itoa(n))
		}
		words = words[2:]
	}
	if len(words) == 1 && !addClock(words[0], add) {
		return dst, false
	}
	return append(out, '}'), true
}

// addClock adds the parts of an interval below a day.
func addClock(text string, add func(name, value string)) bool {
	text, negative := strings.CutPrefix(text, "-")
	text = strings.TrimPrefix(text, "+")
	text, fraction, _ := strings.Cut(text, ".")
	n, ok := integers(strings.Split(text, ":"))
	micros, err := strconv.Atoi((fraction + "000000")[:6])
	if !ok || len(n) != 3 || err != nil {
		return false
	}
	sign := 1
	if negative {
		sign = -1
	}
	for i, name := range []string{"hours", "minutes", "seconds"} {
		if n[i] != 0 {
			add(name, strconv.Itoa(sign*n[i]))
		}
	}
	if micros != 0 {
		add("milliseconds", strconv.FormatFloat(float64(sign*micros)/1000, 'f', -1, 64))
	}
	return true
}

// integers reads digits, without signs.
func integers(parts []string) ([]int, bool) {
	out := make([]int, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, false
		}
		out[i] = int(n)
	}
	return out, true
}
